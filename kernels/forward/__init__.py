"""What a network computes: one file an operation, named after it."""

# ruff: noqa: I001 - operations register when imported: the order is the reading order
import einbench.forward.linear
import einbench.forward.relu
import einbench.forward.tanh
import einbench.forward.sigmoid
import einbench.forward.relu_vjp
import einbench.forward.tanh_vjp
import einbench.forward.sigmoid_vjp
import einbench.forward.softmax
import einbench.forward.mlp_forward
import einbench.forward.mlp_intermediates  # noqa: F401 - as those above

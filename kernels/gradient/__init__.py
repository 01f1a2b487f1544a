"""Losses and gradients: one file an operation, named after it."""

# ruff: noqa: I001 - operations register when imported: the order is the reading order
import einbench.jacobian
import einbench.gradient.weight_gradient
import einbench.gradient.bias_gradient
import einbench.gradient.input_gradient
import einbench.gradient.cross_entropy
import einbench.gradient.cross_entropy_gradient
import einbench.gradient.negative_log_likelihood
import einbench.gradient.negative_log_likelihood_gradient
import einbench.gradient.mean_squared_error
import einbench.gradient.mean_squared_error_gradient
import einbench.gradient.mlp_logits_gradients
import einbench.gradient.mlp_gradients
import einbench.gradient.mlp_sgd_step  # noqa: F401 - as those above

"""PyTorch, JAX and scikit-learn as contestants: ``guests("torch")`` are its kernels."""

from einbench.libraries.contestants import Given, Way, contestant, guests
from einbench.libraries.runtimes import LIBRARIES, Runtime

__all__ = ["LIBRARIES", "Given", "Runtime", "Way", "contestant", "guests"]

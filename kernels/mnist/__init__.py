"""The MNIST digits, shipped with the package, and the reader of their file format."""

from einbench.mnist.dataset import Dataset, Split, load
from einbench.mnist.idx import read_idx

__all__ = ["Dataset", "Split", "load", "read_idx"]

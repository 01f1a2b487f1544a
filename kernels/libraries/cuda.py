"""PyTorch and CuPy on a CUDA device: each with both transfers in the call, and without any.

A call ends when the device is done. Operands lie in NumPy's memory; where transfers do not count
they are moved while the call is prepared, and the result stays on the device.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Sequence
from typing import Any

from einbench.libraries.runtime import Array

Call = Callable[[], Any]


def why_none() -> str:
    """Why no kernel can run on a device here; empty where one is found. No context is made."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no CUDA device"
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return "no CUDA device"
    return ""


def torch_transfers(text: str, arrays: Sequence[Array]) -> Call:
    """PyTorch on a CUDA device, operands and result transferred in the call."""
    torch = importlib.import_module("torch")

    def call() -> Any:
        # copying to NumPy's memory waits for the device
        return torch.einsum(text, *(torch.from_numpy(a).cuda() for a in arrays)).cpu()

    return call


def torch_resident(text: str, arrays: Sequence[Array]) -> Call:
    """PyTorch on a CUDA device, operands and result staying there."""
    torch = importlib.import_module("torch")
    moved = [torch.from_numpy(array).cuda() for array in arrays]

    def call() -> Any:
        found = torch.einsum(text, *moved)
        torch.cuda.synchronize()
        return found

    return call


def torch_to_numpy(result: Any) -> Any:
    """Of a tensor, wherever it lies."""
    return result.cpu().numpy() if hasattr(result, "cpu") else result


def cupy_transfers(text: str, arrays: Sequence[Array]) -> Call:
    """CuPy, operands and result transferred in the call."""
    cupy = importlib.import_module("cupy")
    return lambda: cupy.asnumpy(cupy.einsum(text, *map(cupy.asarray, arrays)))


def cupy_resident(text: str, arrays: Sequence[Array]) -> Call:
    """CuPy, operands and result staying on the device."""
    cupy = importlib.import_module("cupy")
    moved = [cupy.asarray(array) for array in arrays]

    def call() -> Any:
        found = cupy.einsum(text, *moved)
        cupy.cuda.Device().synchronize()
        return found

    return call


def cupy_to_numpy(result: Any) -> Any:
    """Of an array, wherever it lies."""
    return result.get() if hasattr(result, "get") else result


def cupy_facts() -> dict[str, Any]:
    """Its version."""
    return {"cupy": importlib.import_module("cupy").__version__, "threads": 1}

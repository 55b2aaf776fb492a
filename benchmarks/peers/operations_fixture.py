"""Write what torch and torchvision make of tests/cnn/peer_cases.py, for tests without them.

Float64 on the CPU: outputs and every gradient of torchvision.ops.deform_conv2d, and maxima,
indices and unpooled images of torch. Needs torch and torchvision in an environment of its own
(requirements.txt beside this file):

    python benchmarks/peers/operations_fixture.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.ops import deform_conv2d

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "cnn"))
from peer_cases import DEFORMABLE, FIXTURES, POOLING, Deformable, Pooling

ORDERS = {"kernel": ((3, 2, 0, 1), (2, 3, 1, 0))}  # to torch and back
IMAGES = ((0, 3, 1, 2), (0, 2, 3, 1))


def to_torch(name: str, array: np.ndarray) -> torch.Tensor:
    """Return an array of ours in torch's order."""
    if array.ndim == 4:
        array = array.transpose(ORDERS.get(name, IMAGES)[0])
    return torch.from_numpy(np.ascontiguousarray(array))


def to_ours(name: str, tensor: torch.Tensor) -> np.ndarray:
    """Return torch's tensor in our order."""
    array = tensor.detach().numpy()
    return array.transpose(ORDERS.get(name, IMAGES)[1]) if array.ndim == 4 else array


def deformable(case: Deformable) -> dict[str, np.ndarray]:
    """Return output and gradients."""
    arrays = {name: to_torch(name, array) for name, array in case.arrays().items()}
    upstream = arrays.pop("upstream")
    for array in arrays.values():
        array.requires_grad_()
    y = deform_conv2d(
        arrays["x"],
        arrays["offsets"],
        arrays["kernel"],
        arrays["bias"],
        case.stride,
        case.padding,
        case.dilation,
        arrays.get("mask"),
    )
    y.backward(upstream)
    gradients = {f"by {name}": to_ours(name, array.grad) for name, array in arrays.items()}
    return {"y": to_ours("y", y), **gradients}


def pooling(case: Pooling) -> dict[str, np.ndarray]:
    """Return maxima, their gradient, indices, and unpooled images."""
    x = to_torch("x", case.images()).requires_grad_()
    window = (case.size, case.stride, case.padding)
    maxima, indices = F.max_pool2d(x, *window, return_indices=True)
    maxima.square().sum().backward()
    restored = F.max_unpool2d(maxima, indices, *window, output_size=x.shape[2:])
    found = {"maxima": maxima, "by x": x.grad, "indices": indices, "restored": restored}
    if all(stride >= size for stride, size in zip(case.stride, case.size, strict=True)):
        values = to_torch("x", case.unpooled_values((2, *maxima.shape[2:], 3)))
        found["unpooled"] = F.max_unpool2d(values, indices, *window, output_size=x.shape[2:])
    return {name: to_ours("x", tensor) for name, tensor in found.items()}


def write(name: str, results: dict[str, dict[str, np.ndarray]]) -> None:
    """Write one file: an array a case and result, in 32 bits."""
    narrow = {"f": np.float32, "i": np.int32}
    arrays = {
        f"{case}: {key}": array.astype(narrow[array.dtype.kind])
        for case, result in results.items()
        for key, array in result.items()
    }
    np.savez_compressed(FIXTURES / name, **arrays)
    print(f"{name}: {(FIXTURES / name).stat().st_size} bytes, {len(arrays)} arrays")


def main() -> None:
    FIXTURES.mkdir(exist_ok=True)
    print(f"torch {torch.__version__}")
    write("deform_conv2d.npz", {name: deformable(case) for name, case in DEFORMABLE.items()})
    write("max_unpool2d.npz", {name: pooling(case) for name, case in POOLING.items()})


if __name__ == "__main__":
    main()

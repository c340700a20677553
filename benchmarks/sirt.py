"""Kernel dose of 256 x 256 x 256 voxels beside scipy.signal.fftconvolve and beside the bound of memory traffic, interleaved in the same run.

python benchmarks/sirt.py, or as part of `make bench`. Both get float32; fftconvolve gets the kernel ready, ours makes its spectrum in the call.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from scipy.signal import fftconvolve

from liverboard.sirt.kernel import radial_kernel, voxel_kernel
from liverboard.sirt.voxel_dose import convolve

SIZE, ROUNDS = 256, 9
# Passes over the grid that a convolution by transforms cannot avoid: three one-dimensional transforms each way, read and written, and the product.
PASSES = 14


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure() -> list[tuple[str, float, str, float]]:
    """What, our median seconds, the peer, its median seconds."""
    kernel = voxel_kernel(radial_kernel("Y-90"), (3, 3, 3))
    activity = np.random.default_rng(1).random((SIZE, SIZE, SIZE), dtype=np.float32)
    shares = kernel.shares.astype(np.float32)
    ours, theirs, copies = [], [], []
    spare = np.empty_like(activity)
    assert np.allclose(convolve(activity, kernel), fftconvolve(activity, shares, "same"), atol=1e-4)
    for _ in range(ROUNDS):
        ours.append(timed(lambda: convolve(activity, kernel)))
        theirs.append(timed(lambda: fftconvolve(activity, shares, "same")))
        copies.append(timed(lambda: np.copyto(spare, activity)))
    bound = PASSES * statistics.median(copies)
    return [
        ("kernel dose of 256^3", statistics.median(ours), "fftconvolve", statistics.median(theirs)),
        ("kernel dose of 256^3, best round", min(ours), "fftconvolve", min(theirs)),
        (f"kernel dose of 256^3, {PASSES} copies of it", statistics.median(ours), "memory bound", bound),
    ]


if __name__ == "__main__":
    for what, seconds, peer, other in measure():
        print(f"{what:<44} {seconds:.3f} s   {peer} {other:.3f} s   {other / seconds:.2f}x")

"""Figures of `linalgx.orthogonal` on a GPU, beside CuPy's own SVD; wall time, synchronised.

Run as ``python -m benchmarks.peers.orthogonal_gpu``; also a part of the family's figures where
CuPy finds a device.
"""

import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import linalgx as lx
from benchmarks.peers._measure import Row, fastest, report

N = 4096


def usable() -> bool:
    """Whether CuPy is installed and finds a device."""
    return lx.available_backends()["cupy"].partition(" on ")[2].startswith("GPU")


def clock() -> float:
    """Wall time after all work on the device is done."""
    import cupy

    cupy.cuda.get_current_stream().synchronize()
    return time.perf_counter()


def svd_polar(a: Any) -> Any:
    """The polar factors through `cupy.linalg.svd`."""
    import cupy

    u, s, vh = cupy.linalg.svd(a, full_matrices=False)
    return u @ vh, (vh.T * s) @ vh


def polar() -> Iterator[Row]:
    for dtype in ("float64", "float32"):
        a = lx.gallery.randsvd(N, cond=1e6, rng=0, xp="cupy", dtype=dtype)
        works = [partial(lx.orthogonal.polar, a), partial(svd_polar, a)]
        ours, peer = fastest(works, repeats=3, clock=clock)
        e, f = (lx.testing.polar_errors(a, *work()) for work in works)
        ok = e.orthogonality <= 5 and e.backward <= 10 * (N / 256) ** 0.5
        texts = [f"orth {x.orthogonality:.2g} back {x.backward:.2g} eps" for x in (e, f)]
        yield Row(f"GPU polar {N} {dtype}", ours, peer, 3.0, *texts, ok)


def orthogonalize() -> Iterator[Row]:
    import cupy

    a = cupy.random.default_rng(0).standard_normal((N, N), dtype=cupy.float32)
    work = partial(lx.orthogonal.orthogonalize, a, steps=5)
    ours, product = fastest([work, lambda: a @ a], repeats=5, clock=clock)
    s = cupy.linalg.svd(work(), compute_uv=False)
    share = 15 * product / ours  # three products a step
    text = f"{share:.0%} of the product rate, σ in [{float(s[-1]):.2g}, {float(s[0]):.2g}]"
    yield Row(f"GPU orthogonalize 5 steps {N} float32", ours, 15 * product, None, text, "", True)


def rows() -> Iterator[Row]:
    yield from polar()
    yield from orthogonalize()


if __name__ == "__main__":
    if not usable():
        sys.exit(f"cupy: {lx.available_backends()['cupy']}")
    sys.exit(report("linalgx.orthogonal on a GPU", rows()))

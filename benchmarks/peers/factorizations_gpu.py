"""Jacobi and randomized factorizations on a GPU beside CuPy's own; wall time, synchronised.

Run as ``python -m benchmarks.peers.factorizations_gpu``; also a part of the families' figures
where CuPy finds a device.
"""

import sys
from collections.abc import Iterator
from functools import partial

import linalgx as lx
from benchmarks.peers._measure import Row, fastest, report
from benchmarks.peers.orthogonal_gpu import clock, usable

BATCH = (4096, 32, 32)
LARGE = (200_000, 2_000)
RANK = 20


def batch_rows() -> Iterator[Row]:
    """Tournament of (4096, 32, 32) float32 beside CuPy's batched `svd` and `eigh`."""
    if not usable():
        return
    import cupy

    a = cupy.random.default_rng(0).standard_normal(BATCH, dtype=cupy.float32)
    works = [partial(lx.jacobi.svd, a), partial(cupy.linalg.svd, a, full_matrices=False)]
    ours, peer = fastest(works, repeats=3, clock=clock)
    errors = [max(lx.testing.svd_ratios(a, *work())) for work in works]
    texts = [f"ratio {error:.2g}" for error in errors]
    yield Row(f"GPU svd {BATCH} float32", ours, peer, None, *texts, errors[0] < 30)
    b = (a + a.mT) / 2
    works = [partial(lx.jacobi.eigh, b), partial(cupy.linalg.eigh, b)]
    ours, peer = fastest(works, repeats=3, clock=clock)
    errors = [max(lx.testing.eigh_ratios(b, *work())) for work in works]
    texts = [f"ratio {error:.2g}" for error in errors]
    yield Row(f"GPU eigh {BATCH} float32", ours, peer, None, *texts, errors[0] < 30)


def large_rows() -> Iterator[Row]:
    """Tall pivoted QR and truncated SVD of 200,000 x 2,000."""
    if not usable():
        return
    yield from _qr_row()
    yield from _svd_rows()


def _qr_row() -> Iterator[Row]:
    import cupy

    a = lx.gallery.randsvd(20_000, 200, cond=1e14, rng=0, xp="cupy", dtype="float64")
    works = [partial(lx.randomized.qr, a, pivoting=True, rng=0), partial(cupy.linalg.qr, a)]
    ours, peer = fastest(works, repeats=3, clock=clock)
    q, r, p = works[0]()
    ratios = lx.testing.qr_ratios(cupy.take(a, p, axis=1), q, r)
    text = f"orth {ratios.orthogonality:.2g} residual {ratios.residual:.2g}"
    yield Row("GPU pivoted QR 20,000×200", ours, peer, None, text, "not pivoted", max(ratios) < 30)


def _svd_rows() -> Iterator[Row]:
    import cupy
    from cupyx.scipy.sparse.linalg import svds

    m, n = LARGE
    rng = cupy.random.default_rng(0)
    u = cupy.linalg.qr(rng.standard_normal((m, 500), dtype=cupy.float32))[0]
    v = cupy.linalg.qr(rng.standard_normal((n, 500), dtype=cupy.float32))[0]
    s = 1.0 / cupy.arange(1, 501, dtype=cupy.float32)
    a = (u * s) @ v.T
    block = rng.standard_normal((n, RANK), dtype=cupy.float32)

    def error(values: object) -> float:
        return float(cupy.max(cupy.abs(cupy.asarray(values)[:RANK] / s[:RANK] - 1)))

    work = partial(lx.randomized.svd, a, RANK, rng=0)
    peers = {
        "cupy.linalg.svd": lambda: cupy.linalg.svd(a, full_matrices=False)[1],
        "svds": lambda: cupy.sort(svds(a, k=RANK)[1])[::-1],
    }
    for name, peer in peers.items():
        ours, theirs, product = fastest([work, peer, lambda: a @ block], repeats=3, clock=clock)
        products = 2 * work().iterations + 2
        share = f", {products * product / ours:.0%} of the product rate"
        texts = f"rel. σ {error(work().s):.1e}{share}", f"{error(peer()):.1e}"
        task = f"GPU svd {m:,}×{n:,} rank {RANK} beside {name}"
        yield Row(task, ours, theirs, None, *texts, error(work().s) < 1e-4)


if __name__ == "__main__":
    if not usable():
        sys.exit(f"cupy: {lx.available_backends()['cupy']}")
    rows = (row for part in (batch_rows, large_rows) for row in part())
    sys.exit(report("factorizations on a GPU, wall time", rows))

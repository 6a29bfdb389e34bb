"""Rows of `linalgx.jacobi.svd`: accuracy beside LAPACK's, and time beside NumPy and xGEJSV."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import mpmath
import numpy as np
from scipy.linalg import lapack

import linalgx as lx
from benchmarks.peers._measure import Row, fastest

NAN = float("nan")
N = 32


def rows() -> Iterator[Row]:
    yield from accuracy()
    yield from single()
    yield from batches()


def accuracy() -> Iterator[Row]:
    """Largest relative error of a singular value, in units of eps, against 120 digits."""
    for dtype in ("float64", "float32"):
        rng = np.random.default_rng(0)
        b, d = rng.standard_normal((N, N)), rng.permutation(np.logspace(-20, 0, N))
        for name, a in (
            ("B D", b * d),
            ("D B", (b * d).T),
            ("companion", np.asarray(lx.gallery.companion_exp(20)) if has_companion() else None),
        ):
            if a is not None:
                yield accuracy_row(f"svd {name} {dtype}", a.astype(dtype), 50.0)
    rng = np.random.default_rng(1)
    b, d, e = (
        rng.standard_normal((N, N)),
        *(rng.permutation(np.logspace(-17, 0, N)) for _ in range(2)),
    )
    yield accuracy_row("svd D1 B D2, 34 decades", d[:, None] * b * e, 4000.0)


def has_companion() -> bool:
    return hasattr(lx.gallery, "companion_exp")


def accuracy_row(task: str, a: Any, bar: float) -> Row:
    reference, eps = exact(a), float(np.finfo(a.dtype).eps)
    ours = relative(lx.jacobi.svd(a).s, reference) / eps
    gesdd = relative(np.linalg.svd(a, compute_uv=False), reference) / eps
    found = gejsv(np.asfortranarray(a, dtype=np.float64))
    s = found[0] * (found[3][0] / found[3][1])
    theirs = f"gesdd {gesdd:.1e}, gejsv in float64 {relative(s, reference) / eps:.3g} eps"
    return Row(task, NAN, NAN, None, f"{ours:.3g} eps (bar {bar:g})", theirs, ours <= bar)


def exact(a: Any) -> Any:
    """Singular values of the matrix as it is stored."""
    with mpmath.workdps(120):
        s = mpmath.svd_r(mpmath.matrix(a.astype(np.float64).tolist()), compute_uv=False)
        return np.sort(np.array([float(x) for x in s]))


def relative(s: Any, reference: Any) -> float:
    return float(np.max(np.abs(np.sort(s.astype(np.float64)) - reference) / reference))


def gejsv(a: Any) -> Any:
    """LAPACK's Jacobi SVD with vectors at its full accuracy, for matrices D1 B D2."""
    return lapack.dgejsv(a, joba=2, jobu=0, jobv=0, jobr=0, jobp=0)


def single() -> Iterator[Row]:
    for n in (64, 128, 256, 512):
        a = np.random.default_rng(n).standard_normal((n, n))
        works = [
            partial(lx.jacobi.svd, a),
            partial(np.linalg.svd, a),
            partial(gejsv, np.asfortranarray(a)),
        ]
        ours, numpy, jacobi = fastest(works, repeats=7 if n < 512 else 5)
        e, f = ratio(a, *works[0]()), ratio(a, *works[1]())
        g = works[2]()
        shown = f"ratio {e:.2g}", f"{f:.2g}", f"{ratio(a, g[1], g[0], g[2].T):.2g}"
        yield Row(f"svd {n} beside numpy", ours, numpy, 1 / 2.5, shown[0], shown[1], e < 30)
        yield Row(f"svd {n} beside gejsv", ours, jacobi, 1.0, shown[0], shown[2], e < 30)


def batches() -> Iterator[Row]:
    for n, bar in ((3, 0.3), (8, 0.6)):
        a = np.random.default_rng(n).standard_normal((22_222, n, n))
        works = [partial(lx.jacobi.svd, a), partial(np.linalg.svd, a)]
        ours, peer = fastest(works, repeats=5)
        e, f = (ratio(a, *work()) for work in works)
        yield Row(
            f"svd of 22222 {n}x{n}", ours, peer, 1 / bar, f"ratio {e:.2g}", f"{f:.2g}", e < 30
        )


def ratio(a: Any, u: Any, s: Any, vh: Any) -> float:
    return float(max(lx.testing.svd_ratios(a, u, s, vh)))

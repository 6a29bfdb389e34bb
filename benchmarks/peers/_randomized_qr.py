"""Tall QR, one-pass approximations and UTV beside LAPACK."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg

import linalgx as lx
from benchmarks.peers._measure import Row, fastest

NAN = float("nan")
EPS = np.finfo(float).eps


def qr_errors(a: Any, q: Any, r: Any, p: Any = None) -> tuple[float, float]:
    """‖QᴴQ − I‖₂ and ‖AP − QR‖_F/‖A‖_F in units of eps."""
    a = a if p is None else a[:, p]
    orthogonality = np.linalg.norm(q.T @ q - np.eye(q.shape[1]), 2)
    return float(orthogonality / EPS), float(np.linalg.norm(a - q @ r) / np.linalg.norm(a) / EPS)


def shown(errors: tuple[float, float]) -> str:
    return f"orth {errors[0]:.2g} back {errors[1]:.2g} eps"


def tall_qr() -> Iterator[Row]:
    for cond in (1e2, 1e14):
        a = lx.gallery.randsvd(20_000, 200, cond=cond, rng=0)
        for pivoting in (True, False):
            ours = partial(lx.randomized.qr, a, pivoting=pivoting, rng=0)
            peer = partial(scipy.linalg.qr, a, pivoting=pivoting, mode="economic")
            times = fastest([ours, peer], repeats=4)
            e, f = (qr_errors(a, *work()) for work in (ours, peer))
            name = f"{'pivoted ' if pivoting else ''}QR 20000x200 κ={cond:.0e}"
            bar = 2.0 if pivoting else None
            yield Row(name, *times, bar, shown(e), shown(f), e[0] <= 100 and e[1] <= 20)


def utv() -> Iterator[Row]:
    a = lx.gallery.randsvd(600, cond=1e12, rng=0)
    s = np.geomspace(1, 1e-12, 600)
    peer = partial(scipy.linalg.svd, a)
    for method in ("powerurv", "randutv"):
        ours = partial(lx.randomized.utv, a, method=method, rng=0)
        times = fastest([ours, peer], repeats=3)
        u, t, vh = ours()
        quotient = np.diagonal(t) / s
        back = np.linalg.norm(a - u @ t @ vh) / np.linalg.norm(a) / EPS
        text = f"|t_jj|/σ_j in [{quotient.min():.2f}, {quotient.max():.2f}] back {back:.2g} eps"
        good = back <= 30 and quotient.min() > 0.1 and quotient.max() < 10
        yield Row(f"utv {method} 600 κ=1e12", *times, None, text, "", bool(good))


def estimates() -> Iterator[Row]:
    """How often the estimated error lies within [0.8, 1.25] of the true one, in 100 runs."""
    spectra = {"1/j": 1.0 / np.arange(1, 201), "0.9^j": 0.9 ** np.arange(200)}
    for label, s in spectra.items():
        a = np.diag(s)
        for name in ("nystrom", "generalized_nystrom"):
            shares = [_share(name, a, seed) for seed in range(100)]
            within = float(np.mean([0.8 <= share <= 1.25 for share in shares]))
            text = f"{within:.0%} of estimates within [0.8, 1.25]"
            yield Row(f"{name} of {label}, rank 10", NAN, NAN, None, text, "", within >= 0.9)


def _share(name: str, a: Any, seed: int) -> float:
    if name == "nystrom":
        w, v, error = lx.randomized.nystrom(a, 10, rng=seed)
        return float(error / np.linalg.norm(a - (v * w) @ v.T))
    u, s, vh, error = lx.randomized.generalized_nystrom(a, 10, rng=seed)
    return float(error / np.linalg.norm(a - (u * s) @ vh))


def rows() -> Iterator[Row]:
    """All parts."""
    yield from tall_qr()
    yield from utv()
    yield from estimates()

"""Traces, kernel matrices and interpolative decompositions beside their peers."""

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg.interpolative as peer_interpolative
from sklearn.kernel_approximation import Nystroem

import linalgx as lx
from benchmarks.peers._measure import Row, fastest

NAN = float("nan")
ORDER, SEEDS = 1000, 11


def rows() -> Iterator[Row]:
    yield from traces()
    yield from kernels()
    yield from columns()


def turned(w: Any) -> Any:
    """Symmetric matrix with these eigenvalues."""
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((w.size, w.size)))[0]
    a = (q * w) @ q.T
    return (a + a.T) / 2


def median_error(a: Any, truth: float, products: int, method: str) -> float:
    run = partial(lx.randomized.trace, a, products, method=method)
    return float(np.median([abs(run(rng=s).value - truth) for s in range(SEEDS)]) / truth)


def traces() -> Iterator[Row]:
    """Relative errors, medians over seeds; times against the estimator of the same products."""
    j = np.arange(ORDER)
    spectra = {
        "flat": np.linspace(3.0, 1.0, ORDER),
        "poly": 1.0 / (1.0 + j) ** 2,
        "exp": 0.7**j,
        "step": np.where(j < 50, 1.0, 1e-3),
    }
    for name, w in spectra.items():
        a, truth = turned(w), float(w.sum())
        for products in (20, 60, 120, 300):
            ours, peer, nystrom = (
                median_error(a, truth, products, method)
                for method in ("xtrace", "hutch++", "xnystrace")
            )
            works = [
                partial(lx.randomized.trace, a, products, method=method, rng=0)
                for method in ("xtrace", "hutch++")
            ]
            times = fastest(works, repeats=3)
            good = ours <= 2.0 * peer + 1e-15
            if (name, products) == ("exp", 120):
                good = good and nystrom <= 1e-13
            shown = f"xtrace {ours:.1e} xnystrace {nystrom:.1e}"
            title = f"trace {name} {products} products"
            yield Row(title, *times, None, shown, f"hutch++ {peer:.1e}", good)


def clustered(n: int) -> Any:
    """Points in 30 clusters: half of them in the first one, and so on."""
    rng = np.random.default_rng(0)
    share = 0.5 ** np.minimum(np.arange(1, 31), 9)
    sizes = rng.multinomial(n, share / share.sum())
    centres = 6.0 * rng.standard_normal((30, 2))
    return np.repeat(centres, sizes, axis=0) + 0.15 * rng.standard_normal((n, 2))


def gaussian(x: Any, y: Any) -> Any:
    squares = np.sum(x**2, axis=1)[:, None] + np.sum(y**2, axis=1) - 2.0 * x @ y.T
    return np.exp(-0.5 * np.maximum(squares, 0.0))


def kernels() -> Iterator[Row]:
    """Trace of the residual relative to the best of that rank, of a Gaussian kernel."""
    x, rank = clustered(1500), 60
    kernel = gaussian(x, x)
    best = float(np.linalg.eigvalsh(kernel)[:-rank].sum())

    def left(f: Any) -> float:
        return float(np.trace(kernel) - np.sum(f**2)) / best

    def lazy(seed: int, method: str = "accelerated") -> Any:
        entries = partial(between, x)
        return lx.randomized.pivoted_cholesky(
            entries, rank, diagonal=np.ones(len(x)), method=method, rng=seed
        ).f

    def uniform(seed: int) -> Any:
        return Nystroem(gamma=0.5, n_components=rank, random_state=seed).fit_transform(x)

    ours, peer = fastest([partial(lazy, 0), partial(uniform, 0)])
    medians = {
        "accelerated": np.median([left(lazy(s)) for s in range(SEEDS)]),
        "greedy": left(lazy(0, "greedy")),
        "uniform": np.median([left(uniform(s)) for s in range(SEEDS)]),
    }
    good = medians["accelerated"] < 10 and medians["accelerated"] < medians["greedy"]
    shown = f"{medians['accelerated']:.3g} x best, greedy {medians['greedy']:.3g}"
    peers = f"sklearn Nystroem {medians['uniform']:.3g} x best"
    yield Row("kernel 1500, rank 60", ours, peer, None, shown, peers, bool(good))
    yield from blocks()


def between(x: Any, rows: Any, columns: Any) -> Any:
    return gaussian(x[rows], x[columns])


def blocks() -> Iterator[Row]:
    """Blocks of pivots against one at a time."""
    x = np.random.default_rng(0).standard_normal((20_000, 5))
    works = [
        partial(
            lx.randomized.pivoted_cholesky,
            partial(between, x),
            400,
            diagonal=np.ones(len(x)),
            method=method,
            rng=0,
        )
        for method in ("accelerated", "rpcholesky")
    ]
    ours, plain = fastest(works, repeats=2)
    left = [1.0 - np.sum(work().f ** 2) / len(x) for work in works]
    shown = [f"residual {e:.3g}" for e in left]
    good = left[0] < 1.2 * left[1]
    yield Row("kernel 20000, rank 400: blocks", ours, plain, None, *shown, bool(good))


def columns() -> Iterator[Row]:
    """Errors relative to the best of that rank."""
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.standard_normal((k, 300)))[0] for k in (2000, 1500))
    for name, w in (("0.9^j", 0.9 ** np.arange(300)), ("1/j", 1.0 / np.arange(1.0, 301.0))):
        a, rank = (u * w) @ v.T, 50
        best = np.linalg.norm(w[rank:])

        def peer(a: Any = a, rank: int = rank) -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                order, rest = peer_interpolative.interp_decomp(a, rank, rng=0)
            c = np.concatenate([np.eye(rank), rest], axis=1)[:, np.argsort(order)]
            return c, order[:rank]

        works = [partial(lx.randomized.interpolative, a, rank, rng=0), peer]
        ours, theirs = fastest(works, repeats=3)
        errors = [
            np.linalg.norm(a - a[:, pivots] @ c) / best for c, pivots in (work() for work in works)
        ]
        shown = [f"{e:.3g} x best" for e in errors]
        yield Row(f"ID 2000x1500 {name} rank 50", ours, theirs, None, *shown, errors[0] < 6)

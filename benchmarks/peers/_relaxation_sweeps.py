"""Sweeps beside PyAMG's and SciPy's triangular solve, and sweep counts beside Young's theory."""

from collections.abc import Iterator
from math import log, nan, pi, sin
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve_triangular

import linalgx as lx
from benchmarks.peers._measure import Row, fastest
from linalgx.relaxation._sweeps import sweeper

POINTS = 512
OMEGA = 1.5


def rows() -> Iterator[Row]:
    """Yield all rows of this file."""
    yield from sweep_rows(POINTS)
    yield solve_row(10)
    for m in (31, 63, 127):
        yield theory_row(m)
        yield scan_row(m)
        yield estimate_row(m)


def best(m: int) -> float:
    """Young's ω of the five-point stencil."""
    return 2.0 / (1.0 + sin(pi / (m + 1)))


def sweep_rows(m: int) -> Iterator[Row]:
    """One sweep of each kind; the bars are those of the natural order."""
    from pyamg.relaxation.relaxation import gauss_seidel

    a = lx.gallery.poisson2d(m)
    rng = np.random.default_rng(0)
    b = rng.standard_normal((m * m, 1))
    p = lx.relaxation.prepare(a)
    natural, colors = (sweeper(p, o, xp=p.xp) for o in ("natural", "multicolor"))
    lower = sp.csr_array(sp.tril(a) + sp.diags_array(4.0 / OMEGA - a.diagonal()))
    x, y, z = (np.zeros_like(b) for _ in range(3))
    colored = colors.enter(b)
    ours, colour, peer, solve = fastest(
        [
            lambda: natural.forward(x, b, OMEGA),
            lambda: colors.forward(y, colored, OMEGA),
            lambda: gauss_seidel(a, z[:, 0], b[:, 0]),
            lambda: spsolve_triangular(lower, b[:, 0]),
        ]
    )
    gaps = [_gap(s, a, b, lower) for s in (natural, colors)]
    task = f"one sweep, Poisson {m}x{m}"
    right = [gap < 1e-13 for gap in gaps]
    shown = [f"{gap:.0e}" for gap in gaps]
    yield Row(f"{task}, pyamg", ours, peer, 1.0, shown[0], "Gauss-Seidel", right[0])
    yield Row(f"{task}, spsolve_triangular", ours, solve, 5.0, shown[0], "", right[0])
    yield Row(f"{task}, colours; natural", colour, ours, 1 / 1.5, *reversed(shown), all(right))


def _gap(sweeps: Any, a: Any, b: Any, lower: Any) -> float:
    """Difference from the triangular solve, in the order of the sweeps."""
    x = sweeps.forward(np.zeros_like(b), sweeps.enter(b), OMEGA)
    if sweeps.name != "natural":
        q = np.asarray(sweeps.order.rows)
        own = a[q][:, q]
        lower = sp.csr_array(sp.tril(own) + sp.diags_array(4.0 / OMEGA - own.diagonal()))
        b = b[q]
    return float(np.max(np.abs(x[:, 0] - spsolve_triangular(lower, b[:, 0]))))


def solve_row(m: int) -> Row:
    """Time for a whole solve of a learning experiment; the peer is SciPy's cg."""
    from scipy.sparse.linalg import cg

    p = lx.relaxation.prepare(lx.gallery.poisson2d(m))
    b = np.random.default_rng(0).standard_normal(m * m)
    result = lx.relaxation.sor(p, b, omega=OMEGA)
    ours, peer = fastest(
        [
            lambda: lx.relaxation.sor(p, b, omega=OMEGA),
            lambda: cg(p.matrix, b, rtol=1e-8),
        ]
    )
    task = f"sor, {m}x{m}, {result.iterations} sweeps; scipy cg"
    return Row(task, ours, peer, None, f"{result.residual:.0e}", "", result.converged)


def sweeps_of(m: int, omega: Any) -> int:
    """Sweeps from x = 0 with b = 1 until the residual has fallen by 1e-8."""
    a = lx.gallery.poisson2d(m)
    return int(lx.relaxation.sor(a, np.ones(m * m), omega=omega, criterion="r0").iterations)


def theory_row(m: int) -> Row:
    """Within 3 % of k (ω* − 1)ᵏ = 1e-8."""
    k = 100.0
    for _ in range(100):
        k = (log(1e-8) - log(k)) / log(best(m) - 1.0)
    count = sweeps_of(m, best(m))
    accurate = abs(count / k - 1.0) <= 0.03
    return Row(f"Young, m = {m}: sweeps; the law", nan, nan, None, f"{count}", f"{k:.1f}", accurate)


def scan_row(m: int) -> Row:
    """Find the formula's value best of a fine scan, in steps of a tenth of 2 − ω*."""
    steps = np.linspace(-0.5, 0.5, 11) * (2.0 - best(m))
    counts = [sweeps_of(m, best(m) + step) for step in steps]
    found = best(m) + steps[int(np.argmin(counts))]
    accurate = int(np.argmin(counts)) == 5
    task = f"Young, m = {m}: best ω of a scan; formula"
    return Row(task, nan, nan, None, f"{found:.4f}", f"{best(m):.4f}", accurate)


def estimate_row(m: int) -> Row:
    """Within 3 % of the exact ω with the estimated one."""
    count, exact = sweeps_of(m, "young"), sweeps_of(m, best(m))
    accurate = abs(count / exact - 1.0) <= 0.03
    task = f"Young, m = {m}: estimated ω; exact ω"
    return Row(task, nan, nan, None, f"{count}", f"{exact}", accurate)

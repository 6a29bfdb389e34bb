"""Figures of `linalgx.orthogonal` beside SciPy and NumPy.

Run as ``python -m benchmarks.peers.orthogonal``; name parts of tasks to run only those.
Orthogonality is ‖UᴴU − I‖_F/√n and backward error ‖A − UP‖_F/‖A‖_F, both in units of eps.
"""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg

import linalgx as lx
from benchmarks.peers import orthogonal_gpu
from benchmarks.peers._measure import Row, fastest, report

NAN = float("nan")
EXACT = ("svd", "qdwh", "zolo", "newton", "polar_express")


def polar_errors(a: Any, u: Any, p: Any) -> tuple[float, float]:
    """Worst orthogonality and backward error of a batch, in units of eps, in double precision."""
    eps = np.finfo(a.dtype).eps
    a, u, p = (x.astype(np.float64) for x in (a, u, p))
    n = u.shape[-1]
    o = np.linalg.norm(u.mT @ u - np.eye(n), axis=(-2, -1)) / n**0.5
    b = np.linalg.norm(a - u @ p, axis=(-2, -1)) / np.linalg.norm(a, axis=(-2, -1))
    return float(o.max() / eps), float(b.max() / eps)


def shown(errors: tuple[float, float]) -> str:
    return f"orth {errors[0]:.2g} back {errors[1]:.2g} eps"


def square_polar() -> Iterator[Row]:
    for n in (256, 512, 1024):
        for dtype in ("float64", "float32"):
            for cond in (1e2, 1e8, 1e15):
                yield from square_case(n, dtype, cond)


def square_case(n: int, dtype: str, cond: float) -> Iterator[Row]:
    a = lx.gallery.randsvd(n, cond=cond, rng=n).astype(dtype)
    works = [
        partial(lx.orthogonal.polar, a),
        partial(lx.orthogonal.polar, a, compute_p=False),
        partial(scipy.linalg.polar, a),
    ]
    full, only_u, peer = fastest(works, repeats=7 if n < 1024 else 5)
    ours, theirs = polar_errors(a, *works[0]()), polar_errors(a, *works[2]())
    ok = ours[0] <= 5 and ours[1] <= 10 * max(1, n / 256) ** 0.5
    name = f"polar {n} {dtype} κ={cond:.0e}"
    yield Row(name, full, peer, 0.85, shown(ours), shown(theirs), ok)
    u = works[1]().u
    ours = polar_errors(a, u, (u.T @ a + a.T @ u) / 2)
    yield Row(f"{name}, u only", only_u, peer, 0.95, shown(ours), shown(theirs), ours[0] <= 5)


def tall_polar() -> Iterator[Row]:
    a = lx.gallery.randsvd(20_000, 100, cond=1e6, rng=0)
    works = [partial(lx.orthogonal.polar, a), partial(scipy.linalg.polar, a)]
    ours, peer = fastest(works)
    e, f = (polar_errors(a, *work()) for work in works)
    ok = e[0] <= f[0] and e[1] <= f[1]
    yield Row("polar 20000x100 κ=1e6", ours, peer, 2.0, shown(e), shown(f), ok)


def tiny_polar() -> Iterator[Row]:
    for count, n, bar in ((20_000, 2, 40.0), (20_000, 3, 25.0), (20_000, 4, None), (5_000, 8, 6.0)):
        a = np.random.default_rng(n).standard_normal((count, n, n))
        works = [
            partial(lx.orthogonal.polar, a),
            partial(scipy.linalg.polar, a),
            partial(np.linalg.svd, a),
        ]
        ours, peer, svd = fastest(works)
        e, f = (polar_errors(a, *work()) for work in works[:2])
        ok = e[0] <= max(5, f[0]) and e[1] <= max(10, f[1])
        name = f"polar of {count} {n}x{n}"
        yield Row(name, ours, peer, bar, shown(e), shown(f), ok)
        if n <= 4:
            yield Row(f"{name} beside numpy svd", ours, svd, 3.0, shown(e), "", ok)


def roots() -> Iterator[Row]:
    def error(a: Any, x: Any, p: int) -> float:
        eye = np.eye(len(a))
        return float(np.linalg.norm(a @ np.linalg.matrix_power(x, p) - eye) / len(a) ** 0.5)

    def spd(n: int) -> Any:
        q = np.linalg.qr(np.random.default_rng(n).standard_normal((n, n)))[0]
        a = (q * np.geomspace(1, 1e-4, n)) @ q.T
        return (a + a.T) / 2

    a = spd(256)
    works = [
        partial(lx.orthogonal.inverse_root, a, 4),
        partial(scipy.linalg.fractional_matrix_power, a, -0.25),
    ]
    ours, peer = fastest(works)
    e, f = error(a, works[0]().x, 4), error(a, works[1](), 4)
    text = "‖AX⁴−I‖/√n {:.1e}".format
    yield Row(
        "inverse_root p=4, 256, κ=1e4", ours, peer, 5.0, text(e), text(f), e <= max(2 * f, 1e-11)
    )
    a = spd(512)
    works = [partial(lx.orthogonal.sqrt, a), partial(scipy.linalg.sqrtm, a)]
    ours, peer = fastest(works)
    x, y = works[0]().x, works[1]()
    e, f = (float(np.linalg.norm(r @ r - a) / np.linalg.norm(a)) for r in (x, y))
    text = "‖X²−A‖/‖A‖ {:.1e}".format
    yield Row("sqrt, 512, κ=1e4", ours, peer, 4.0, text(e), text(f), e <= max(2 * f, 1e-13))


def quintic_loop(a: Any, coefficients: Any) -> Any:
    """The loop that optimizers use: three products a step."""
    x = a / (1.01 * np.linalg.norm(a))
    for c in coefficients.astype(a.dtype):
        g = x @ x.T
        x = c[0] * x + (c[1] * g + c[2] * g @ g) @ x
    return x


def orthogonalization() -> Iterator[Row]:
    a = np.random.default_rng(0).standard_normal((1024, 1024)).astype(np.float32)
    table = lx.orthogonal.polar_express_coefficients(5, lower=1e-3)
    works = [
        partial(lx.orthogonal.orthogonalize, a),
        partial(quintic_loop, a, table),
    ]
    ours, peer = fastest(works, repeats=9)
    s = np.linalg.svd(a.astype(np.float64), compute_uv=False)
    s /= 1.01 * np.linalg.norm(s)
    for b, c, d in table:
        s = b * s + c * s**3 + d * s**5
    s = np.sort(s)
    e, f = (
        float(abs(np.sort(np.linalg.svd(w().astype(np.float64), compute_uv=False)) - s).max())
        for w in works
    )
    text = "σ error {:.1e}".format
    yield Row("orthogonalize 5 steps, float32 1024", ours, peer, 1.15, text(e), text(f), e <= 1e-5)


def hard_matrices() -> Iterator[Row]:
    n = 200
    half = np.triu(np.ones((n, n)))
    half[n // 2 :] = 0
    gallery = {
        "Hilbert": lx.gallery.hilbert(n),
        "Kahan": lx.gallery.kahan(n),
        "Frank": lx.gallery.frank(n),
        "Vandermonde": lx.gallery.vandermonde(n),
        "half of triu(ones)": half,
    }
    for name, a in gallery.items():
        f = polar_errors(a, *scipy.linalg.polar(a))
        for method in EXACT:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                e = polar_errors(a, *lx.orthogonal.polar(a, method=method))
            text = shown(e) + (", warned" if caught else "")
            ok = e[0] <= 5 and e[1] <= 20
            yield Row(f"{name} {n}, {method}", NAN, NAN, None, text, shown(f), ok)


def import_time() -> Iterator[Row]:
    def seconds(module: str) -> float:
        code = (
            f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
        )
        return float(subprocess.check_output([sys.executable, "-c", code]))

    best = {name: float("inf") for name in ("numpy", "linalgx", "linalgx.orthogonal")}
    for _ in range(7):
        for name in best:
            best[name] = min(best[name], seconds(name))
    for name, bar in (("linalgx", 1 / 1.6), ("linalgx.orthogonal", None)):
        text = f"{best[name] / best['numpy']:.2f} × NumPy's own"
        yield Row(f"import {name}", best[name], best["numpy"], bar, text, "", True)


PARTS = {
    "square": square_polar,
    "tall": tall_polar,
    "tiny": tiny_polar,
    "roots": roots,
    "orthogonalize": orthogonalization,
    "hard": hard_matrices,
    "import": import_time,
}
if orthogonal_gpu.usable():
    PARTS["gpu"] = orthogonal_gpu.rows


def main(names: list[str]) -> int:
    """Run the named parts, all by default."""
    rows = (row for name in names or PARTS for row in PARTS[name]())
    return report("linalgx.orthogonal beside its peers, one thread, CPU time", rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""How to call the functions of `relaxation` beside the solvers of linear systems."""

from math import pi
from typing import Any

import numpy as np
from scipy.linalg import toeplitz

import linalgx as lx
from cases._checks import applied
from cases._kinds import Arrays, Born, Case, Object, Options
from cases._makers import Shape, definite, general, rhs

# --- makers ----------------------------------------------------------------------------------


def column(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host first column of a Hermitian Toeplitz matrix, definite: a large real entry first."""
    n = shape[-1]
    t = general((*shape[:-2], 1, n), complex_=complex_, seed=seed)[..., 0, :] * 0.2
    return np.where(np.arange(n) == 0, 2.0 + n, t)


def real_column(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """The same with real values, which a complex dtype holds as well."""
    return column(shape, complex_=False, seed=seed)


def row(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host first row beside `column`."""
    return column(shape, complex_=complex_, seed=seed + 1)


def tight(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host matrix with singular values between 1 and 2: random projections count them squared."""
    u, s, vh = np.linalg.svd(general(shape, complex_=complex_, seed=seed), full_matrices=False)
    return (u * np.linspace(2.0, 1.0, s.shape[-1])) @ vh


def image(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host right-hand side of `tight` for the solution (1, ..., 1)."""
    return np.sum(tight(shape, complex_=complex_, seed=seed), axis=-1)


# --- judgements ------------------------------------------------------------------------------


def _double(x: Any) -> Any:
    x = x.toarray() if hasattr(x, "toarray") else lx.to_numpy(x)
    return np.asarray(x, dtype=np.result_type(x.dtype, np.float64))


def _ratio(x: Any, known: Any, allowed: float = 0.0) -> float:
    """Distance from the known answer in units of n·eps of its size, or of what is allowed."""
    x = lx.to_numpy(x)
    if x.shape != known.shape:
        return np.inf
    if x.size == 0:
        return 0.0
    unit = max(np.finfo(x.dtype).eps * max(x.size, 10), allowed)
    return float(np.linalg.norm(x - known) / (unit * max(np.linalg.norm(known), 1e-300)))


def _vector(n: int) -> Any:
    """What `applied` multiplies with."""
    return np.linspace(-1.0, 2.0, n)


def _toeplitz_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    matrix = toeplitz(*(_double(x) for x in inputs.values())) if _entries(inputs) else np.eye(0)
    return _ratio(out["product"], matrix @ _vector(matrix.shape[1]))


def _entries(inputs: Arrays) -> int:
    return min(x.shape[-1] for x in inputs.values())


def _chan_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    n = _entries(inputs)
    t = _double(inputs["column"])
    wrapped = np.conj(t) if "row" not in inputs else _double(inputs["row"])
    k = np.arange(n)
    first = ((n - k) * t + k * np.r_[t[:1], wrapped[:0:-1]]) / max(n, 1)
    matrix = first[(k[:, None] - k[None, :]) % max(n, 1)]
    return _ratio(out["product"], np.linalg.solve(matrix, _vector(n)))


def _tau_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    t = _double(inputs["column"]).real
    n = len(t)
    k = np.arange(1, n + 1)
    sines = np.sin(np.outer(k, k) * pi / (n + 1))
    symbol = np.array([t[0] + 2 * np.sum(t[1:] * np.cos(k[:-1] * j * pi / (n + 1))) for j in k]
                      if n else [])  # fmt: skip
    known = sines @ (sines @ _vector(n) / symbol) * 2 / (n + 1)
    return _ratio(out["product"], known)


def _sketch_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    k, r, x = (_double(v) for v in (inputs["k"], inputs["r"], out["x"]))
    eps = np.finfo(lx.to_numpy(out["x"]).dtype).eps
    rtol = max(options.get("rtol") or 0.0, 1e-8 if eps < 1e-10 else 1e-5)
    gap, size = np.linalg.norm(r - k @ x), np.linalg.norm(r)
    return 29.0 * gap / (rtol * size) if size > 0 else gap


def _first_order_check(sign: float) -> Any:
    """Make the check for min ‖x − 1‖²/2 + ‖A x‖²/2 as a saddle point, y = ±A x."""

    def check(inputs: Arrays, out: Arrays, options: Options) -> float:
        a = _double(next(iter(inputs.values())))
        x = np.linalg.solve(np.eye(a.shape[1]) + np.conj(a.T) @ a, np.ones(a.shape[1]))
        eps = float(np.finfo(lx.to_numpy(out["x"]).dtype).eps)
        allowed = options.get("rtol", eps ** (1 / 3))
        y = sign * a @ x
        scale = max(np.linalg.norm(y), np.linalg.norm(x))
        gap = np.linalg.norm(_double(out["y"]) - y) / max(scale, 1e-300)
        return max(_ratio(out["x"], x, allowed), gap / allowed)

    return check


def _split_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """One coarse point in each direction: by hand."""
    f, u = _double(inputs["f"]), lx.to_numpy(out["result"])
    return max((_ratio(u[i], _split(f[i])) for i in np.ndindex(f.shape[:-2])), default=0.0)


def _split(f: Any) -> Any:
    m, n = f.shape
    i, j = (m - 1) // 2, (n - 1) // 2
    hats = [1 - np.abs(np.arange(1, k + 1) / ((k + 1) // 2) - 1) for k in (m, n)]
    one = hats[0][:, None] * _poisson(f[i : i + 1, :])
    two = _poisson(f[:, j : j + 1]) * hats[1][None, :]
    return one + two - hats[0][:, None] * _poisson(f[i : i + 1, j : j + 1]) * hats[1][None, :]


def _poisson(f: Any) -> Any:
    p, q = f.shape
    t = [(k + 1) ** 2 * (2 * np.eye(k) - np.eye(k, k=1) - np.eye(k, k=-1)) for k in (p, q)]
    a = np.kron(t[0], np.eye(q)) + np.kron(np.eye(p), t[1])
    return np.linalg.solve(a, f.reshape(-1)).reshape(p, q)


def _preconditioner_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    a = _double(inputs["a"])
    m, n = options["shape"]
    hats = [1 - np.abs(np.arange(1, k + 1)[:, None] / ((k + 1) // 2) - 1) for k in (m, n)]
    known = np.diag(0.5 / np.diag(a))
    for p, q in ((np.eye(m), hats[1]), (hats[0], np.eye(n)), (hats[0], hats[1])):
        z = np.kron(p, q)
        known = known + z @ np.linalg.solve(z.T @ a @ z, z.T)
    return _ratio(out["product"], known @ _vector(m * n))


def _hhl_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Amplitudes by their definition, a sum over all times."""
    a, b = _double(inputs["a"]), _double(inputs["b"])
    w, v = np.linalg.eigh(a)
    count = 2 ** options.get("clock", 6)
    time = 2 * pi * (count - 1) / np.max(np.abs(w))
    k = np.arange(count)
    alpha = np.mean(np.exp(1j * k[:, None, None] * (w[:, None] * time - 2 * pi * k) / count), 0)
    rotation = np.divide(1.0, k, out=np.zeros(count), where=k > 0)
    beta = np.conj(v.T) @ b
    x = v @ (np.abs(alpha) ** 2 @ rotation * beta) * time / (2 * pi)
    chance = np.abs(beta) ** 2 @ (np.abs(alpha) ** 2 @ rotation**2) / np.linalg.norm(b) ** 2
    # Phases carry the rounding errors of the eigenvalues times their number.
    slack = count * np.finfo(lx.to_numpy(out["x"]).dtype).eps
    state = x / np.linalg.norm(x)
    return max(
        _ratio(out["x"], x, slack),
        _ratio(out["state"], state, slack),
        abs(out["probability"] - chance) / slack,
    )


# --- calls -----------------------------------------------------------------------------------

# One tolerance and one start for both precisions and for every container: one run.
SADDLE: Options = {
    "prox_x": lambda v, t: (v + t) / (1.0 + t),
    "prox_y": lambda v, t: v / (1.0 + t),
    "rtol": 1e-3,
}
SMOOTH: Options = {
    "gradient": lambda x: x - 1.0,
    "prox_y": lambda v, t: v / (1.0 + t),
    "lipschitz": 1.0,
    "strength": 1.0,
    "rtol": 3e-3,
}
INTEGERS = {
    "integers_become_the_default_float": "Those integers make no definite Toeplitz matrix.",
}
ROWS = {
    "other_kinds": "None stands for the Hermitian matrix; the columns are asked without a row.",
}
PROXIMAL = "The functions that are passed fix the scale of both variables."
FEW = np.diag([1.0, 2.0, 3.0])


def odd(shape: Shape) -> Shape:
    """Grids with a point in the middle."""
    return (*shape[:-2], 7, 3)


def grid(shape: Shape) -> Shape:
    """Matrices of a grid with 3 × 3 points."""
    return (*shape[:-2], 9, 9)


CASES: dict[str, Case] = {
    "relaxation.toeplitz": Case(
        arrays={"column": column},
        variants={"default": {}},
        degrees=lambda options: {"product": 1},
        check=_toeplitz_check,
        square=True,
        observe=applied,
    ),
    "relaxation.toeplitz (row)": Case(
        arrays={"column": column, "row": row},
        variants={"default": {}},
        check=_toeplitz_check,
        square=True,
        observe=applied,
        exempt={
            **ROWS,
            "further_arrays_must_fit_the_first": "A longer row makes a wider matrix.",
        },
    ),
    "relaxation.circulant_preconditioner": Case(
        arrays={"column": column},
        variants={"default": {}},
        degrees=lambda options: {"product": -1},
        check=_chan_check,
        square=True,
        needs="regular",
        observe=applied,
        exempt=INTEGERS,
    ),
    "relaxation.circulant_preconditioner (row)": Case(
        arrays={"column": column, "row": row},
        variants={"default": {}},
        check=_chan_check,
        square=True,
        needs="regular",
        observe=applied,
        exempt={**INTEGERS, **ROWS},
    ),
    "relaxation.tau_preconditioner": Case(
        arrays={"column": real_column},
        variants={"default": {}},
        degrees=lambda options: {"product": -1},
        check=_tau_check,
        square=True,
        needs="regular",
        observe=applied,
        exempt={**INTEGERS, "a_list_of_complex_numbers": "The column must hold real values."},
    ),
    "relaxation.sketch_and_project": Case(
        arrays={"k": tight, "r": image},
        variants={
            "default": {"rng": 0},
            "rows": {"sketch": "rows", "rng": 0},
            "weighted": {"sketch": "weighted", "size": 1, "rng": 0},
        },
        degrees=lambda options: {"x": -1},
        scales={"r": {"x": 1}},
        check=_sketch_check,
        needs="regular",
        iterate="x",
        choices={"sketch": ("gaussian", "rows", "weighted")},
        trouble={
            "few steps": ({"k": FEW, "r": np.ones(3)}, {"maxiter": 1, "size": 1, "rng": 0}),
            "inconsistent": ({"k": np.ones((2, 2)), "r": np.arange(2.0)}, {"maxiter": 5, "rng": 0}),
        },
        exempt={"constant_matrices_with_stride_zero": "Equations with equal rows contradict."},
    ),
    "relaxation.pdhg": Case(
        arrays={"a": general},
        variants={
            "default": {**SADDLE, "penalty": 2.0},
            "balance": {**SADDLE, "penalty": 2.0, "balance": 0.5},
            "estimated": SADDLE,
        },
        brief=("default", "balance"),
        check=_first_order_check(-1.0),
        iterate="x",
        trouble={"few steps": ({"a": FEW}, {**SADDLE, "maxiter": 1})},
        exempt={"the_ends_of_the_range": PROXIMAL},
    ),
    "relaxation.alpd": Case(
        arrays={"k": general},
        variants={"default": {**SMOOTH, "norm": 8.0}, "estimated": SMOOTH},
        brief=("default",),
        check=_first_order_check(1.0),
        iterate="x",
        trouble={"few steps": ({"k": FEW}, {**SMOOTH, "maxiter": 1})},
        exempt={"the_ends_of_the_range": PROXIMAL},
    ),
    "relaxation.combination_split": Case(
        arrays={"f": general},
        variants={"default": {"coarse": 1}},
        degrees=lambda options: {"result": 1},
        check=_split_check,
        resize=odd,
        shapes=((7, 3), (1, 1), (1, 5), (3, 1)),
        empty_shapes=(),
    ),
    "relaxation.combination_preconditioner": Case(
        arrays={"a": definite},
        variants={"default": {"shape": (3, 3), "coarse": 1}},
        degrees=lambda options: {"product": -1},
        check=_preconditioner_check,
        square=True,
        resize=grid,
        shapes=((9, 9),),
        empty_shapes=(),
        observe=applied,
    ),
    "relaxation.hhl": Case(
        arrays={"a": definite, "b": rhs},
        variants={"default": {}, "three qubits": {"clock": 3}},
        degrees=lambda options: {"x": -1, "state": 0},
        scales={"b": {"x": 1, "state": 0}},
        check=_hhl_check,
        square=True,
        empty_shapes=(),
    ),
}


def _fixed_point() -> tuple[tuple[Any, ...], Options]:
    return (lambda z: 0.5 * z + 1.0, np.zeros(3)), {"rtol": 1e-2}


BORN: dict[str, Born] = {}
HOST: dict[str, tuple[str, Any]] = {
    "relaxation.halpern": (
        "its first argument is a map of arrays; tested on every backend beside it",
        _fixed_point,
    ),
}
OBJECTS: dict[str, Object] = {}

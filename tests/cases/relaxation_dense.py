"""How to call the functions of `relaxation`: preconditioners, small dense problems, fits."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._checks import _double, applied, distance
from cases._kinds import Arrays, Born, Case, Object, Options
from cases._makers import Shape, definite, dominant, rhs


def _map_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """0 when xᴴMx > 0 for the vector that was multiplied with."""
    y = lx.to_numpy(out["product"])
    x = np.linspace(-1.0, 2.0, y.shape[-1])
    return 0.0 if y.size == 0 or float(np.real(np.vdot(x, y))) > 0 else float("inf")


def _roots_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """0 when all roots are positive."""
    return 0.0 if all(root > 0 for root in out.values()) else float("inf")


def _factor_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """diag(G A Gᴴ) = 1 in units of n·eps."""
    g, a = _double(out["result"]), _double(inputs["a"])
    if a.size == 0:
        return 0.0
    eps = float(np.finfo(lx.to_numpy(out["result"]).dtype).eps)
    gap = np.abs(np.diagonal(g @ a @ g.conj().T) - 1.0)
    return float(np.max(gap)) / (eps * max(a.shape[-1], 10))


def _factor(result: Any, inputs: Arrays) -> Arrays:
    """G as an array, also of sparse input."""
    return {"result": result.toarray() if hasattr(result, "toarray") else result}


def _ridge_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Residual below the bound of 30 steps, 4.2e-4, and rounding."""
    h, q, x = (_double(v) for v in (inputs["h"], inputs["q"], out["result"]))
    if x.size == 0:
        return 0.0
    eps = float(np.finfo(lx.to_numpy(out["result"]).dtype).eps)
    ridge = options.get("ratio", 0.02) * np.linalg.norm(h, axis=(-2, -1))[..., None]
    gap = np.linalg.norm((h @ x[..., None])[..., 0] + ridge * x - q, axis=-1)
    bound = 4.2e-4 + 100 * eps
    return 30.0 * float(np.max(gap / (bound * np.linalg.norm(q, axis=-1)))) * (1 - 1e-9)


def _degeneracy_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Directions are orthonormal, and the preconditioner inverts the eigenvalues that count."""
    v, w, p = (_double(out[k]) for k in ("directions", "eigenvalues", "preconditioner"))
    if v.size == 0:
        return 0.0
    eps = float(np.finfo(lx.to_numpy(out["directions"]).dtype).eps)
    vh = np.swapaxes(v.conj(), -1, -2)
    defect = np.max(np.abs(vh @ v - np.eye(v.shape[-1])))
    d = np.real(np.diagonal(vh @ p @ v, axis1=-2, axis2=-1))
    plain = ~lx.to_numpy(out["degenerate"])
    gap = np.max(np.abs(d * w - 1.0)[plain], initial=0.0)
    return float(max(defect, gap)) / (10 * eps * v.shape[-1])


def six(shape: Shape) -> Shape:
    """Motions in space have six degrees of freedom."""
    return (*shape[:-2], 6, 6)


def fractions(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host vector of convergence factors (..., n)."""
    rng = np.random.default_rng([seed + 5, *shape])
    return rng.uniform(0.1, 0.9, (*shape[:-2], shape[-1]))


def _predicted_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    rho = np.abs(_double(inputs["rho"]))
    if rho.size == 0:
        return 0.0
    expected = 1.0 + np.log(options.get("accuracy", 1e-8)) / np.log(rho)
    found = lx.to_numpy(out["result"])
    return distance((found / expected).astype(found.dtype), np.ones_like(found))


def _degrees(options: Options) -> dict[str, float]:
    """Bounds and roots that are given do not scale with the matrix."""
    if {"bounds", "roots"} & set(options):
        return {}
    return {"product": 0 if options.get("kind") == "symmetric" else -1}


def _meta() -> tuple[tuple[Any, ...], Options]:
    best = (1.2, 1.5, 1.8)
    features = np.stack([np.ones(3), np.asarray(best)], axis=1)
    args = (features, lambda w, task: 10 + 100 * abs(w - best[task]))
    return args, {"bounds": (1.0, 2.0), "rng": 0}


def _quadratic() -> tuple[tuple[Any, ...], Options]:
    w = np.asarray([30.0, 10.0, 2.0, 1.0])
    args = (lambda x: x @ (w * x) / 2 - x.sum(), lambda x: w * x - 1.0, np.diag(w))
    return args, {"x0": np.zeros(4), "degree": 1}


CASES: dict[str, Case] = {
    "relaxation.symmetric_polynomial": Case(
        arrays={"a": definite},
        variants={
            "default": {"degree": 1, "rng": 0},
            "identity": {"degree": 0},
            "three": {"degree": 3, "rng": 0},
        },
        check=_map_check,
        square=True,
        observe=applied,
        degrees=lambda options: {"product": 0},
    ),
    "relaxation.polynomial_preconditioner": Case(
        arrays={"a": dominant},
        variants={
            "default": {"degree": 3, "rng": 0},
            "bounds": {"degree": 3, "bounds": (0.25, 64.0)},
            "neumann": {"degree": 2, "kind": "neumann", "rng": 0},
            "residual": {"degree": 2, "kind": "residual", "rng": 0},
            "roots": {"degree": 2, "kind": "residual", "roots": (8.0, 2.0, 4.0)},
            "symmetric": {"degree": 2, "kind": "symmetric", "rng": 0},
        },
        check=_map_check,
        square=True,
        observe=applied,
        degrees=_degrees,
        choices={"kind": ("symmetric", "chebyshev", "neumann", "residual")},
        slack=1e4,
    ),
    "relaxation.residual_roots": Case(
        arrays={"a": dominant},
        variants={"default": {"degree": 1, "rng": 0}},
        check=_roots_check,
        square=True,
        slack=1e5,
    ),
    "relaxation.fsai": Case(
        arrays={"a": dominant},
        variants={"default": {}, "power": {"power": 2}, "drop": {"drop": 0.2}},
        check=_map_check,
        square=True,
        observe=applied,
        degrees=lambda options: {"product": -1},
    ),
    "relaxation.fsai_factor": Case(
        arrays={"a": dominant},
        variants={"default": {}, "power": {"power": 2}},
        check=_factor_check,
        square=True,
        observe=_factor,
        degrees=lambda options: {"result": -1 / 2},
        divisor=lambda options: 2,
    ),
    "relaxation.ridge_chebyshev": Case(
        arrays={"h": definite, "q": rhs},
        variants={"default": {}, "ratio": {"ratio": 0.5}, "steps": {"steps": 40}},
        degrees=lambda options: {"result": -1},
        scales={"q": {"result": 1}},
        check=_ridge_check,
        square=True,
        needs="",
    ),
    "relaxation.degeneracy": Case(
        arrays={"h": definite},
        variants={"default": {}, "split": {"split": 2}, "threshold": {"threshold": 2.0}},
        degrees=lambda options: {
            "degenerate": 0,
            "directions": 0,
            "preconditioner": -1,
            "eigenvalues": 1,
        },
        check=_degeneracy_check,
        square=True,
        needs="hermitian",
        resize=six,
        shapes=((6, 6),),
        empty_shapes=((0, 6, 6),),
        discrete=("degenerate",),
        slack=1e4,
    ),
    "relaxation.predicted_iterations": Case(
        arrays={"rho": fractions},
        variants={"default": {}, "accuracy": {"accuracy": 1e-4}},
        check=_predicted_check,
        square=True,
        real=True,
        exempt={
            "constant_matrices_with_stride_zero": (
                "The constant is two, and factors above one mean infinitely many iterations."
            ),
            "the_ends_of_the_range": "Factors above one mean infinitely many iterations.",
            "matrices_of_one_batch_do_not_disturb_each_other": (
                "Factors above one mean infinitely many iterations, which are not compared."
            ),
        },
    ),
}

BORN: dict[str, Born] = {}

HOST: dict[str, tuple[str, Any]] = {
    "relaxation.fit_meta_parameters": ("calls a cost of numbers, and computes on the host", _meta),
    "relaxation.gradient_krylov": ("calls functions that were written for one library", _quadratic),
}

OBJECTS: dict[str, Object] = {}

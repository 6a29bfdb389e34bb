"""How to call the functions of `relaxation`: sweeps."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._checks import solves
from cases._kinds import Arrays, Case, Object, Options
from cases._makers import dominant, laplacian, rhs, rhs_block


def jacobi_matrix(a: Any) -> Any:
    a = np.asarray(a.toarray() if hasattr(a, "toarray") else lx.to_numpy(a))
    return np.eye(a.shape[-1]) - a / np.diagonal(a)[:, None]


def _radius_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Small matrices: Lanczos takes all the steps there are."""
    if inputs["a"].shape[0] == 0:
        return 0.0 if out["radius"] == 0.0 else np.inf
    radius = np.max(np.abs(np.linalg.eigvals(jacobi_matrix(inputs["a"]))))
    unit = float(np.finfo(lx.to_numpy(out["vector"]).dtype).eps)
    norm = float(np.linalg.norm(lx.to_numpy(out["vector"])))
    return max(abs(out["radius"] - radius), abs(norm - 1.0)) / (100 * unit)


def _omega_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    if inputs["a"].shape[0] == 0:
        return 0.0 if out["result"] == 1.0 else np.inf
    mu = np.max(np.linalg.eigvals(jacobi_matrix(inputs["a"])).real)
    unit = float(np.finfo(lx.to_numpy(inputs["a"]).dtype).eps)
    return abs(out["result"] - 2 / (1 + np.sqrt(1 - mu**2))) / (100 * unit)


def _prepared(result: Any, inputs: Arrays) -> Arrays:
    x = result.xp.ones_like(result.inverse_diagonal)
    return {"product": result @ x, "inverse_diagonal": result.inverse_diagonal}


def _prepare_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    a = np.asarray(lx.to_numpy(inputs["a"]))
    if a.size == 0:
        return 0.0
    unit = float(np.finfo(a.dtype).eps)
    gap = np.abs(a.sum(axis=1) - lx.to_numpy(out["product"]))
    own = np.abs(np.diagonal(a) * lx.to_numpy(out["inverse_diagonal"]) - 1.0)
    return float(max(np.max(gap / np.abs(a).sum(axis=1)), np.max(own))) / (a.shape[0] * unit)


def _rtol(options: Options) -> float:
    """The default follows from the precision; the tests run in both."""
    return options.get("rtol", 1e-5)


HERE = np.diag([2.0, 2.0, 2.0]) - np.eye(3, k=1) - np.eye(3, k=-1)
FEW: Options = {"maxiter": 1}

SOLVER = {
    "degrees": lambda options: {"x": -1},
    "scales": {"b": {"x": 1}},
    "check": solves(rtol=_rtol),
    "square": True,
    "needs": "regular",
    "iterate": "x",
}

CASES: dict[str, Case] = {
    "relaxation.sor": Case(
        arrays={"a": dominant, "b": rhs},
        variants={
            "default": {},
            "number": {"omega": 1.2, "rtol": 1e-6},
            "symmetric": {"symmetric": True, "omega": 1.1, "criterion": "r0", "norm": "inf"},
            "colors": {"ordering": "multicolor"},
            "levels": {"ordering": "level", "omega": 0.9},
            "blocks": {"ordering": "block", "blocks": 2},
            "seldom": {"omega": 1.2, "check_every": 5},
        },
        choices={
            "omega": ("young",),
            "ordering": ("natural", "multicolor", "level"),
            "criterion": ("b", "r0"),
            "norm": ("2", "inf"),
        },
        open_choices=("omega",),
        trouble={"few sweeps": ({"a": HERE, "b": np.ones(3)}, FEW)},
        **SOLVER,
    ),
    "relaxation.sor (block)": Case(
        arrays={"a": dominant, "b": rhs_block},
        variants={"default": {"omega": 1.1}, "colors": {"ordering": "multicolor", "omega": 1.1}},
        **SOLVER,
    ),
    "relaxation.jacobi": Case(
        arrays={"a": dominant, "b": rhs},
        variants={
            "default": {},
            "optimal": {"omega": "optimal", "rtol": 1e-6},
            "seldom": {"omega": 0.9, "check_every": 5, "criterion": "r0", "norm": "inf"},
        },
        choices={"omega": ("optimal",), "criterion": ("b", "r0"), "norm": ("2", "inf")},
        open_choices=("omega",),
        trouble={"few": ({"a": HERE, "b": np.ones(3)}, FEW)},
        **SOLVER,
    ),
    "relaxation.prepare": Case(
        arrays={"a": dominant},
        variants={"default": {}, "skip": {"on_zero": "skip"}},
        degrees=lambda options: {"product": 1, "inverse_diagonal": -1},
        check=_prepare_check,
        square=True,
        needs="regular",
        choices={"on_zero": ("raise", "skip")},
        observe=_prepared,
    ),
    "relaxation.jacobi_radius": Case(
        arrays={"a": laplacian},
        variants={"default": {}},
        degrees=lambda options: {"radius": 0, "vector": 0},
        check=_radius_check,
        square=True,
        needs="regular",
        observe=lambda found, inputs: {"radius": found.radius, "vector": found.vector},
        slack=2e4,  # the vector is as accurate as the root of what the radius is
    ),
    "relaxation.optimal_omega": Case(
        arrays={"a": laplacian},
        variants={"default": {}},
        degrees=lambda options: {"result": 0},
        check=_omega_check,
        square=True,
        needs="regular",
        exempt={"too_few_axes": "Numbers and vectors are radii."},
    ),
}

OBJECTS: dict[str, Object] = {
    "relaxation.PreparedMatrix": Object(
        reason="A matrix that remembers its diagonal and orderings between solves.",
        make=lambda: lx.relaxation.prepare(lx.gallery.poisson2d(3)),
    ),
}

"""How to call the functions of `relaxation`: Krylov methods and semi-iterations."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._checks import PASS, _double, solves
from cases._kinds import Arrays, Case, Object, Options
from cases._makers import Shape, definite, dominant, rhs, rhs_block


def _rtol(options: Options) -> float:
    """The default follows from the precision; the tests run in both."""
    return options.get("rtol", 1e-5)


def general_dominant(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host matrix without symmetry, its diagonal larger than the rest of the row."""
    a = dominant(shape, complex_=complex_, seed=seed)
    return a + np.triu(a, 1) / 2


HERE = np.diag([2.0, 2.0, 2.0]) - np.eye(3, k=1) - np.eye(3, k=-1)
RIGHT = np.asarray([1.0, 2.0, 4.0])
FEW: Options = {"maxiter": 1}
TROUBLE = {"few steps": ({"a": HERE, "b": RIGHT}, FEW)}

SOLVER = {
    "degrees": lambda options: {"x": -1},
    "scales": {"b": {"x": 1}},
    "check": solves(rtol=_rtol),
    "square": True,
    "needs": "regular",
    "iterate": "x",
}
CHOICES = {"criterion": ("b", "r0"), "norm": ("2", "inf")}


def _guess_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Galerkin: the residual of the guess is orthogonal to the basis."""
    a, b, w = (_double(inputs[name]) for name in ("a", "b", "basis"))
    x = _double(out["result"])
    if x.size == 0:
        return 0.0
    unit = float(np.finfo(lx.to_numpy(out["result"]).dtype).eps)
    gap = np.linalg.norm(np.conj(w.T) @ (b - a @ x))
    size = np.linalg.norm(w) * np.linalg.norm(a) * (np.linalg.norm(x) + np.linalg.norm(b))
    return float(gap / size) * PASS / (100 * a.shape[0] * unit)


def _solution(result: Any, inputs: Arrays) -> Arrays:
    """Without the recycled space, of which only the span means something."""
    return {"x": result.x, "residual": result.residual}


CASES: dict[str, Case] = {
    "relaxation.cg": Case(
        arrays={"a": definite, "b": rhs},
        variants={
            "default": {},
            "tolerance": {"rtol": 1e-6, "criterion": "r0", "norm": "inf"},
            "seldom": {"check_every": 3},
        },
        choices=CHOICES,
        trouble=TROUBLE,
        **SOLVER,
    ),
    "relaxation.cg (block)": Case(
        arrays={"a": definite, "b": rhs_block}, variants={"default": {}}, **SOLVER
    ),
    "relaxation.ssor_cg": Case(
        arrays={"a": dominant, "b": rhs},
        variants={
            "default": {},
            "number": {"omega": 1.2, "rtol": 1e-6},
            "plain": {"omega": "young", "eisenstat": False, "norm": "inf"},
            "colors": {"ordering": "multicolor", "criterion": "r0", "check_every": 3},
            "levels": {"ordering": "level", "omega": 0.9},
        },
        choices={
            **CHOICES,
            "omega": ("ssor", "young"),
            "ordering": ("natural", "level", "multicolor"),
        },
        open_choices=("omega",),
        trouble=TROUBLE,
        **SOLVER,
    ),
    "relaxation.ssor_cg (block)": Case(
        arrays={"a": dominant, "b": rhs_block}, variants={"default": {"omega": 1.1}}, **SOLVER
    ),
    "relaxation.chebyshev": Case(
        arrays={"a": dominant, "b": rhs},
        variants={
            "default": {},
            "tolerance": {"rtol": 1e-6, "criterion": "r0"},
            "seldom": {"norm": "inf", "check_every": 4},
        },
        choices=CHOICES,
        trouble=TROUBLE,
        **SOLVER,
    ),
    "relaxation.chebyshev (jacobi)": Case(
        arrays={"a": dominant, "b": rhs},
        variants={"jacobi": {"preconditioner": "jacobi"}},
        choices={"preconditioner": ("jacobi",)},
        open_choices=("preconditioner",),
        exempt={
            "operators": "Operators do not know their diagonal.",
            "operators_that_return_nan_are_never_a_success": "Operators are refused here.",
        },
        **SOLVER,
    ),
    "relaxation.chebyshev (block)": Case(
        arrays={"a": dominant, "b": rhs_block}, variants={"default": {}}, **SOLVER
    ),
    "relaxation.deflated_cg": Case(
        arrays={"a": definite, "b": rhs, "basis": rhs_block},
        named=("basis",),
        exempt={"other_kinds": "None stands for no basis."},
        variants={"default": {}, "harvest": {"harvest": 2, "criterion": "r0", "norm": "inf"}},
        observe=_solution,
        choices=CHOICES,
        trouble={
            "few steps": ({"a": HERE, "b": RIGHT, "basis": np.asarray([[1.0], [0.0], [0.0]])}, FEW)
        },
        **SOLVER,
    ),
    "relaxation.deflated_cg (block)": Case(
        arrays={"a": definite, "b": rhs_block},
        variants={"harvest": {"harvest": 1}},
        observe=_solution,
        **SOLVER,
    ),
    "relaxation.fischer_guess": Case(
        arrays={"a": definite, "b": rhs, "basis": rhs_block},
        variants={"default": {}},
        degrees=lambda options: {"result": -1},
        scales={"b": {"result": 1}, "basis": {"result": 0}},
        check=_guess_check,
        square=True,
        needs="",
    ),
    "relaxation.gcro_dr": Case(
        arrays={"a": general_dominant, "b": rhs},
        variants={"default": {}, "short": {"restart": 3, "recycle": 1, "criterion": "r0"}},
        observe=_solution,
        choices={"criterion": ("b", "r0")},
        trouble=TROUBLE,
        **SOLVER,
    ),
    "relaxation.gcro_dr (space)": Case(
        arrays={"a": general_dominant, "b": rhs, "space": rhs_block},
        named=("space",),
        exempt={"other_kinds": "None stands for no space."},
        variants={"default": {"restart": 5}},
        observe=_solution,
        **SOLVER,
    ),
}

OBJECTS: dict[str, Object] = {
    "relaxation.FischerGuess": Object(
        reason="A helper that remembers the last solutions of a time loop.",
        make=lambda: lx.relaxation.FischerGuess(3),
    ),
}

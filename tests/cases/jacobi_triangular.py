"""How to call the triangular members of `jacobi`, and the potential."""

import numpy as np

import linalgx as lx
from cases._kinds import Arrays, Case, Options
from cases._makers import definite, general


def _qr_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    ratios = lx.testing.qr_ratios(inputs["a"], out["q"], out["r"])
    d = np.diagonal(lx.to_numpy(out["r"]), axis1=-2, axis2=-1)
    return max(ratios) if np.all((d.real >= 0) & (d.imag == 0)) else np.inf


def _cholesky_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """‖A − L B Lᴴ‖₁/(n eps ‖A‖₁), and B − I in the same units; L is triangular."""
    a, low, b = (lx.to_numpy(x) for x in (inputs["a"], out["l"], out["b"]))
    if a.size == 0:
        return 0.0 if low.shape == b.shape == a.shape else np.inf
    d = np.diagonal(low, axis1=-2, axis2=-1)
    if np.any(np.triu(low, 1)) or not np.all((d.real > 0) & (d.imag == 0)):
        return np.inf
    gap = a - low @ b @ np.conj(np.swapaxes(low, -1, -2))
    unit = np.finfo(a.dtype).eps * a.shape[-1]
    ratio = np.linalg.norm(gap, 1, axis=(-2, -1)) / np.linalg.norm(a, 1, axis=(-2, -1)) / unit
    rest = np.max(np.abs(b - np.eye(b.shape[-1]))) / unit
    return float(max(np.max(ratio), rest))


def _potential_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Against tr(B∘B⁻¹ − I) by an inverse, in double precision."""
    b, gamma = lx.to_numpy(inputs["b"]), lx.to_numpy(out["result"])
    if gamma.shape != b.shape[:-2] or np.any(gamma < 0):
        return np.inf
    if b.size == 0:
        return 0.0 if not np.any(gamma) else np.inf
    unit = np.finfo(b.dtype).eps * max(b.shape[-1], 10)
    b = b.astype(np.complex128)
    expected = np.einsum("...ii,...ii", b, np.linalg.inv(b)).real - b.shape[-1]
    return float(np.max(np.abs(gamma - expected))) / unit


RULES = ("cyclic", "tournament", "permutation", "uniform", "matching")
UNFINISHED = np.stack([np.eye(3) + 0.5, np.eye(3) + 0.25])

CASES: dict[str, Case] = {
    "jacobi.cholesky": Case(
        arrays={"a": definite},
        variants={
            "default": {"rng": 0},
            "matching": {"pivoting": "matching", "rng": 0},
            **{rule: {"pivoting": rule, "rng": 0} for rule in RULES[:3]},
        },
        degrees=lambda options: {"l": 0.5, "b": 0},
        divisor=lambda options: 2,
        check=_cholesky_check,
        square=True,
        choices={"pivoting": RULES},
        brief=("default", "tournament"),
        trouble={
            "one pair": (UNFINISHED, {"maxiter": 1, "rng": 0}),
            "one round": (UNFINISHED, {"maxiter": 1, "rng": 0, "pivoting": "matching"}),
        },
    ),
    "jacobi.qr": Case(
        arrays={"a": general},
        variants={
            "default": {"rng": 0},
            "matching": {"pivoting": "matching", "rng": 0},
            **{rule: {"pivoting": rule, "rng": 0} for rule in RULES[:3]},
        },
        degrees=lambda options: {"q": 0, "r": 1},
        check=_qr_check,
        choices={"pivoting": RULES},
        brief=("default", "tournament"),
        trouble={
            "one pair": (UNFINISHED, {"maxiter": 1, "rng": 0}),
            "one round": (UNFINISHED, {"maxiter": 1, "rng": 0, "pivoting": "matching"}),
        },
    ),
    "jacobi.potential": Case(
        arrays={"b": definite},
        variants={"default": {}},
        degrees=lambda options: {"result": 0},
        check=_potential_check,
        square=True,
        exempt={
            "answers_follow_their_input": "The potential of complex matrices is real.",
            "a_list_of_complex_numbers": "The potential of complex matrices is real.",
        },
    ),
}

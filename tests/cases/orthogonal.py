"""How to call the functions of `orthogonal`."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._checks import distance
from cases._kinds import Arrays, Case, Options
from cases._makers import definite, general, hermitian


def _polar_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    a = inputs["a"]
    side = options.get("side", "right")
    if "p" in out:
        return max(lx.testing.polar_ratios(a, out["u"], out["p"], side=side))
    q, _ = lx.orthogonal.polar(a, side=side)
    return distance(out["u"], q)


def _contraction_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """0 when U is A with other singular values, none far above 1: Uᴴ A stays Hermitian."""
    a = inputs["a"]
    u, a = lx.to_numpy(out["result"]), lx.to_numpy(a)
    assert u.shape == a.shape
    if u.size == 0:
        return 0.0
    if np.max(np.linalg.svd(u, compute_uv=False)) > 2.1:  # a step of Polar Express may reach 2
        return np.inf
    if options.get("precondition") is not None:
        return 0.0
    b = np.conj(np.swapaxes(u, -1, -2)) @ a
    skew = np.linalg.norm(b - np.conj(np.swapaxes(b, -1, -2)), axis=(-2, -1))
    size = np.linalg.norm(a, axis=(-2, -1))
    # Rounding errors of the steps are amplified by the slope of the composed polynomial.
    return float(np.max(skew / size)) / (100 * np.finfo(u.dtype).eps * max(a.shape[-2:]))


def _sign_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    a = inputs["a"]
    s = lx.to_numpy(out["result"])
    unit = np.finfo(s.dtype).eps * max(s.shape[-1], 1)
    square = np.max(np.abs(s @ s - np.eye(s.shape[-1])), initial=0.0)
    skew = np.max(np.abs(s - np.conj(np.swapaxes(s, -1, -2))), initial=0.0)
    a = lx.to_numpy(a)
    size = float(np.max(np.abs(a), initial=0.0)) or 1.0
    gap = np.max(np.abs(s @ a - a @ s), initial=0.0) / size
    return float(max(square, skew, gap)) / unit


def _clip_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    a = inputs["a"]
    x, y, a = (lx.to_numpy(v) for v in (out["inliers"], out["outliers"], a))
    return 0.0 if x.shape == a.shape and np.array_equal(x + y, a) else np.inf


def _root_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    a = inputs["a"]
    p = options.get("p", -2)
    if options.get("ridge"):
        a = lx.to_numpy(a) + options["ridge"] * np.eye(a.shape[-1], dtype=lx.to_numpy(a).dtype)
        return max(lx.testing.root_ratios(a, lx.to_numpy(out["x"]), p))
    return max(lx.testing.root_ratios(a, out["x"], p))


POLAR_METHODS = ("svd", "qdwh", "zolo", "newton", "polar_express")
COEFFICIENTS = (
    *("polar_express", "muon", "you", "turbo", "modula", "cans", "root"),
    *("newton_schulz3", "newton_schulz5", "newton_schulz7"),
)
SMALL = np.diag([1.0, 1e-8, 1e-12])
BADLY_CONDITIONED = {
    "batch": np.stack([SMALL + 1e-13, SMALL]),
    "tall": np.vstack([SMALL, SMALL[::-1]]) + 1e-13,
}
NEARLY_SINGULAR = np.stack([np.diag([1.0, 1e-30]), np.diag([1.0, 1e-28])])

CASES: dict[str, Case] = {
    "orthogonal.polar": Case(
        arrays={"a": general},
        variants={
            "default": {},
            "left": {"side": "left"},
            "u only": {"compute_p": False},
            **{method: {"method": method} for method in POLAR_METHODS},
            "qdwh left": {"method": "qdwh", "side": "left"},
        },
        degrees=lambda options: {"u": 0, "p": 1},
        check=_polar_check,
        choices={"side": ("right", "left"), "method": ("auto", *POLAR_METHODS)},
        trouble={
            f"{method}, {label}": (host, {"method": method, "maxiter": 1})
            for method in ("qdwh", "newton", "polar_express")  # one step of Zolo-PD is enough
            for label, host in BADLY_CONDITIONED.items()
        },
    ),
    "orthogonal.orthogonalize": Case(
        arrays={"a": general},
        variants={
            "default": {},
            **{name: {"coefficients": name} for name in COEFFICIENTS[1:]},
            "array": {"coefficients": np.array([[1.5, -0.5, 0.0], [1.875, -1.25, 0.375]])},
            "schatten4": {"normalize": "schatten4"},
            "preconditioned": {"coefficients": "turbo", "precondition": "turbo"},
            "two steps": {"steps": 2},
        },
        degrees=lambda options: {"result": 0},
        check=_contraction_check,
        choices={
            "coefficients": COEFFICIENTS,
            "normalize": ("frobenius", "schatten4"),
            "precondition": ("turbo",),
        },
        open_choices=("coefficients",),
        brief=("default", "cans", "newton_schulz7", "root", "array", "schatten4", "preconditioned"),
    ),
    "orthogonal.soft_clip": Case(
        arrays={"a": general},
        variants={"default": {}, "half": {"quantile": 0.5}, "nothing": {"quantile": 1.0}},
        degrees=lambda options: {"inliers": 1, "outliers": 1},
        check=_clip_check,
    ),
    "orthogonal.sign": Case(
        arrays={"a": hermitian},
        variants={"default": {}},
        degrees=lambda options: {"result": 0},
        check=_sign_check,
        square=True,
    ),
    "orthogonal.eigh": Case(
        arrays={"a": hermitian},
        variants={"default": {}},
        degrees=lambda options: {"w": 1, "v": 0},
        check=lambda inputs, out, options: max(
            lx.testing.eigh_ratios(inputs["a"], out["w"], out["v"])
        ),
        square=True,
        choices={"method": ("qdwh",)},
    ),
    "orthogonal.svd": Case(
        arrays={"a": general},
        variants={"default": {}},
        degrees=lambda options: {"u": 0, "s": 1, "vh": 0},
        check=lambda inputs, out, options: max(
            lx.testing.svd_ratios(inputs["a"], out["u"], out["s"], out["vh"])
        ),
        choices={"method": ("qdwh",)},
    ),
    "orthogonal.inverse_root": Case(
        arrays={"a": definite},
        variants={
            "default": {"p": 2},
            "fourth": {"p": 4},
            "eigh": {"p": 3, "method": "eigh"},
            "newton": {"p": 2, "method": "newton"},
            "newton 4": {"p": 4, "method": "newton"},
            "ridge": {"p": 2, "ridge": 0.5},
        },
        degrees=lambda options: {} if "ridge" in options else {"x": -1 / options["p"]},
        divisor=lambda options: options["p"],
        check=_root_check,
        square=True,
        choices={"method": ("auto", "eigh", "newton")},
        trouble={
            "singular": (NEARLY_SINGULAR, {"p": 2, "method": "newton"}),
            "singular eigh": (NEARLY_SINGULAR, {"p": 2, "method": "eigh"}),
            "too few steps": (np.diag([1.0, 1e-3]), {"p": 2, "method": "newton", "maxiter": 1}),
        },
    ),
    "orthogonal.sqrt": Case(
        arrays={"a": definite},
        variants={
            "default": {},
            "eigh": {"method": "eigh"},
            "newton": {"method": "newton"},
        },
        degrees=lambda options: {"x": 1 / 2},
        divisor=lambda options: 2,
        check=_root_check,
        square=True,
        choices={"method": ("auto", "eigh", "newton")},
        trouble={
            "too few steps": (np.diag([1.0, 1e-3]), {"method": "newton", "maxiter": 1}),
        },
    ),
}

HOST: dict[str, tuple[str, tuple[tuple[Any, ...], Options]]] = {
    "orthogonal.polar_express_coefficients": (
        "coefficients depend on numbers only and are used on the host",
        ((5,), {"lower": 1e-3}),
    ),
    "orthogonal.zolotarev_coefficients": ("as above", ((1e-6, 5), {})),
    "orthogonal.qdwh_weights": ("as above", ((1e-6,), {})),
    "orthogonal.shape_coefficients": ("as above", ((64, 128), {})),
}

"""How to call every public function: the contract tests walk over this table.

`CASES` holds the functions of arrays, `BORN` those that make arrays from sizes, `RATIOS` those
that measure a result, and `HOST` those that have no array at all, with the reason. A public
function that is in none of them fails `contract/test_complete.py`.

Inputs are made as host arrays in double precision, so that a test may change their layout, their
scale or an entry before a leg gives them its library, device and dtype.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import import_module
from inspect import isclass, isfunction
from typing import Any

import numpy as np

import linalgx as lx
from linalgx import typing as lxt

# Families whose functions return pictures, or need an optional library to be imported at all.
NOT_COMPUTING = {"plotting": "takes results and a matplotlib axis, returns the axis"}
WITHOUT_REFERENCES = {"gallery", "testing"}  # definitions, not algorithms of a paper
ARRAY_ANNOTATIONS = (lxt.Array, "Array", "MatrixLike")

Options = Mapping[str, Any]
Shape = tuple[int, ...]
Arrays = dict[str, Any]


def families() -> dict[str, Any]:
    """Families that compute, by name."""
    names = [name for name in lx._FAMILIES if name not in NOT_COMPUTING]
    return {name: import_module(f"linalgx.{name}") for name in names}


def public_functions() -> dict[str, Callable[..., Any]]:
    """Every public function of every family, as ``"family.function"``."""
    found = {}
    for family, module in families().items():
        for name in module.__all__:
            value = getattr(module, name)
            if isfunction(value) or (callable(value) and not isclass(value)):
                found[f"{family}.{name}"] = value
    return found


def public_classes() -> dict[str, type]:
    """Every public class of every family."""
    return {
        f"{family}.{name}": getattr(module, name)
        for family, module in families().items()
        for name in module.__all__
        if isclass(getattr(module, name))
    }


def function(name: str) -> Callable[..., Any]:
    """Return the public function called ``"family.function"``."""
    family, _, short = name.partition(".")
    return getattr(getattr(lx, family), short)


def call(name: str, inputs: Arrays, options: Options) -> Any:
    """Call a public function with its arrays in order."""
    return function(name)(*inputs.values(), **options)


# --- functions of arrays ---------------------------------------------------------------------


def general(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host matrix with moderate condition number: normal numbers and a strong diagonal."""
    rng = np.random.default_rng([seed, *shape])
    a = rng.standard_normal(shape)
    a = a + 1j * rng.standard_normal(shape) if complex_ else a
    return a + 2.0 * np.eye(*shape[-2:])


def hermitian(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host Hermitian matrix, indefinite, its eigenvalues away from zero and from each other."""
    n = shape[-1]
    q = np.linalg.qr(general(shape, complex_=complex_, seed=seed))[0]
    w = np.array([(-1.0) ** k * (1.0 + 0.5 * k) for k in range(n)])
    a = (q * w) @ np.conj(np.swapaxes(q, -1, -2))
    return (a + np.conj(np.swapaxes(a, -1, -2))) / 2


def definite(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host Hermitian positive definite matrix with eigenvalues 1, 2, ..., n."""
    n = shape[-1]
    q = np.linalg.qr(general(shape, complex_=complex_, seed=seed))[0]
    a = (q * np.arange(1.0, n + 1.0)) @ np.conj(np.swapaxes(q, -1, -2))
    return (a + np.conj(np.swapaxes(a, -1, -2))) / 2


def no_degrees(options: Options) -> dict[str, float]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One function of arrays.

    Attributes
    ----------
    arrays : dict
        Name of each array argument, in order -> maker of a host array of the shape: `general`,
        `hermitian` or `definite`. The scaling test scales the first.
    variants : dict
        Options by label; the first are the cheapest that make a complete call.
    degrees : callable
        Options -> exponent of homogeneity for each output: an output of degree d is multiplied by
        2^(k d) when the input is multiplied by 2^k. Outputs not named are not compared.
    check : callable
        (inputs, outputs, options) -> the worst LAPACK-style ratio, below 30 for a right result.
    square : bool
        Whether the matrix must be square.
    choices : dict
        Option -> accepted names.
    divisor : callable
        Options -> number that must divide k in the scaling test.
    brief : tuple of str
        Labels of the variants that differ in more than numbers; all when empty. Most promises are
        checked for these only.
    trouble : dict
        Label -> (host input, options) of calls that must warn exactly once.
    """

    arrays: Mapping[str, Callable[..., Any]]
    variants: Mapping[str, Options]
    degrees: Callable[[Options], dict[str, float]] = no_degrees
    check: Callable[[Arrays, Arrays, Options], float]
    square: bool = False
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    divisor: Callable[[Options], int] = lambda options: 1
    brief: tuple[str, ...] = ()
    trouble: Mapping[str, tuple[Any, Options]] = field(default_factory=dict)

    def hosts(self, shape: Shape, *, complex_: bool = False, seed: int = 0) -> Arrays:
        """Host arrays by argument name."""
        return {
            name: make(shape, complex_=complex_, seed=seed) for name, make in self.arrays.items()
        }

    def inputs(self, leg: Any, shape: Shape, *, seed: int = 0) -> Arrays:
        """Arrays of a leg by argument name."""
        hosts = self.hosts(shape, complex_=leg.is_complex, seed=seed)
        return {name: leg.asarray(host) for name, host in hosts.items()}

    @property
    def default(self) -> Options:
        """Options of the first variant."""
        return next(iter(self.variants.values()))

    def shapes(self) -> list[Shape]:
        """Shapes of one matrix with at least one entry."""
        return [(4, 4), (1, 1)] if self.square else [(4, 4), (5, 3), (3, 5), (1, 1), (1, 4), (4, 1)]

    def empty_shapes(self) -> list[Shape]:
        """Shapes without entries, and a batch without matrices."""
        shapes = [(0, 0), (0, 3, 3), (2, 0, 0)]
        return shapes if self.square else [*shapes, (0, 3), (3, 0), (0, 4, 2), (2, 0, 3)]


def outputs(result: Any) -> Arrays:
    """Arrays of a result by name; a plain array is called ``result``."""
    if isinstance(result, tuple):
        named = result._asdict()
    elif is_dataclass(result):
        named = {f.name: getattr(result, f.name) for f in fields(result)}
    else:
        named = {"result": result}
    return {name: x for name, x in named.items() if hasattr(x, "dtype") and hasattr(x, "shape")}


def _polar_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    a = inputs["a"]
    side = options.get("side", "right")
    if "p" in out:
        return max(lx.testing.polar_ratios(a, out["u"], out["p"], side=side))
    q, _ = lx.orthogonal.polar(a, side=side)
    return _distance(out["u"], q)


def _distance(x: Any, y: Any) -> float:
    """‖X − Y‖ in units of n·eps, for factors that are unique and well conditioned."""
    x, y = lx.to_numpy(x), lx.to_numpy(y)
    unit = np.finfo(x.dtype).eps * max(*x.shape[-2:], 10)
    return float(np.max(np.abs(x - y), initial=0.0)) / unit


def _contraction_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    a = inputs["a"]
    """0 when U is A with other singular values, none far above 1: Uᴴ A stays Hermitian."""
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


def variants(*, brief: bool = True) -> list[tuple[str, str]]:
    """Return (function, label of options) for parametrized tests."""
    return [
        (name, label)
        for name, case in CASES.items()
        for label in (case.brief if brief and case.brief else case.variants)
    ]


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


# --- functions that make arrays --------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Born:
    """One function without array input.

    Attributes
    ----------
    args : tuple
        Positional arguments of an ordinary call.
    variants : dict
        Options by label.
    random : bool
        Whether it takes `rng`.
    faults : tuple
        (args, options) of calls that must raise ValueError.
    """

    args: tuple[Any, ...] = (4,)
    variants: Mapping[str, Options] = field(default_factory=lambda: {"default": {}})
    random: bool = False
    faults: tuple[tuple[tuple[Any, ...], Options], ...] = (((-1,), {}),)


BORN: dict[str, Born] = {
    "gallery.hilbert": Born(),
    "gallery.kahan": Born(
        variants={"default": {}, "c": {"c": 0.5}},
        faults=(((-1,), {}), ((3,), {"c": 1.0}), ((3,), {"c": float("nan")})),
    ),
    "gallery.frank": Born(),
    "gallery.vandermonde": Born(),
    "gallery.triu_ones": Born(
        variants={"default": {}, "rank": {"rank": 2}}, faults=(((-1,), {}), ((3,), {"rank": 4}))
    ),
    "gallery.graded": Born(
        variants={"default": {}, "batch": {"batch": (2, 3), "ratio": 1e-3}},
        random=True,
        faults=(((-1,), {}), ((3,), {"ratio": 0.0})),
    ),
    "gallery.spiked": Born(
        args=(5, 4),
        variants={"default": {}, "batch": {"batch": 2, "spikes": [3.0], "noise": 0.1}},
        random=True,
        faults=(((-1,), {}), ((2, 2), {}), ((5, 4), {"spikes": [-1.0]})),
    ),
    "gallery.randsvd": Born(
        args=(5, 4),
        variants={
            "default": {},
            **{
                mode: {"mode": mode, "cond": 10.0}
                for mode in (
                    *("geometric", "arithmetic", "one_large", "one_small"),
                    *("clustered", "log_random"),
                )
            },
            "batch": {"batch": (2, 3), "cond": 10.0},
        },
        random=True,
        faults=(((-1,), {}), ((3,), {"mode": "flat"}), ((3,), {"cond": 0.5})),
    ),
}


# --- functions that measure ------------------------------------------------------------------


def _eye(n: int) -> Any:
    return np.eye(n)


RATIOS: dict[str, tuple[tuple[Any, ...], Options]] = {
    "testing.polar_ratios": ((2 * _eye(3), _eye(3), 2 * _eye(3)), {}),
    "testing.polar_errors": ((2 * _eye(3), _eye(3), 2 * _eye(3)), {}),
    "testing.svd_ratios": ((2 * _eye(3), _eye(3), 2 * np.ones(3), _eye(3)), {}),
    "testing.eigh_ratios": ((2 * _eye(3), 2 * np.ones(3), _eye(3)), {}),
    "testing.qr_ratios": ((2 * _eye(3), _eye(3), 2 * _eye(3)), {}),
    "testing.root_ratios": ((4 * _eye(3), _eye(3) / 2), {"p": 2}),
}
"""Host arrays of an exact answer, of which every ratio is zero or harmless, and options."""

# --- functions without arrays ----------------------------------------------------------------

HOST: dict[str, tuple[str, tuple[tuple[Any, ...], Options]]] = {
    "orthogonal.polar_express_coefficients": (
        "coefficients depend on numbers only and are used on the host",
        ((5,), {"lower": 1e-3}),
    ),
    "orthogonal.zolotarev_coefficients": ("as above", ((1e-6, 5), {})),
    "orthogonal.qdwh_weights": ("as above", ((1e-6,), {})),
    "orthogonal.shape_coefficients": ("as above", ((64, 128), {})),
    "testing.check_adjoint": (
        "takes an operator; tested with LinearMap",
        ((lx.LinearMap(np.eye(3)),), {"rng": 0}),
    ),
}

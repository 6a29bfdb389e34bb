"""How to call what is built around transport: rounding, soft marginals, means, constraints."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._checks import _double
from cases._kinds import Arrays, Case, Options
from cases._makers import Shape

EMPTY = "Without bins there is no mass, and that is refused."
NUMBER = "One row more makes another valid problem."
BEYOND = "At such a ratio of cost and epsilon no regularization is left."
ONE_SIZE = "One ε serves one size of costs."
INFINITE = "An infinite cost forbids a pair, which is allowed."


# --- makers ----------------------------------------------------------------------------------


def plan(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host nonnegative matrix of sum one."""
    p = np.random.default_rng([seed + 7, *shape]).uniform(0.1, 1.0, shape)
    return p / np.maximum(np.sum(p, axis=(-2, -1), keepdims=True), 1e-3)


def rows(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host masses of sum one for the rows."""
    a = np.random.default_rng([seed + 8, *shape]).uniform(0.5, 1.0, shape[:-1])
    return a / np.maximum(np.sum(a, axis=-1, keepdims=True), 1e-3)


def columns(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host masses of sum one for the columns."""
    return rows((*shape[:-2], shape[-1], 1), complex_=False, seed=seed + 1)


def costs(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host costs between zero and one."""
    return np.random.default_rng([seed + 9, *shape]).uniform(0.0, 1.0, shape)


def heavy(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host masses for the columns, of another sum than one."""
    return 2.0 * columns(shape, complex_=False, seed=seed)


def points(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host points, one in each row."""
    return np.random.default_rng([seed + 10, *shape]).standard_normal(shape)


def others(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host points of the same dimension, one more of them."""
    return points((*shape[:-2], shape[-2] + 1, shape[-1]), complex_=False, seed=seed + 1)


def distributions(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host rows of sum one, three of them."""
    return rows((*shape[:-2], 3, shape[-1], 1), complex_=False, seed=seed + 2)


def shares(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host weights of three distributions."""
    return np.broadcast_to(np.arange(1.0, 4.0), (*shape[:-2], 3)).copy()


def constraints(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host matrices D_k that the product plan obeys."""
    d = np.random.default_rng([seed + 11, *shape]).uniform(-0.5, 1.0, (*shape[:-2], 2, *shape[-2:]))
    return np.abs(d) + 0.05


def fields(*names: str) -> Any:
    """Outputs that are arrays for one problem, too."""
    return lambda result, inputs: {name: getattr(result, name) for name in names}


# --- judgements ------------------------------------------------------------------------------


def _allowed(x: Any, options: Options) -> float:
    """Tolerance of a call, slightly widened for sums in other orders."""
    eps = float(np.finfo(lx.to_numpy(x).dtype).eps)
    return float(options.get("rtol") or eps**0.575) + 200 * eps


def _round_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    p = lx.to_numpy(out["result"])
    if p.size == 0:
        return 0.0
    a, b = _double(inputs["a"]), _double(inputs["b"])
    b = b * (np.sum(a, axis=-1) / np.sum(b, axis=-1))[..., None]
    unit = np.finfo(p.dtype).eps * max(*p.shape[-2:], 4) * np.sum(a, axis=-1)
    gap = np.sum(np.abs(np.sum(_double(p), axis=-1) - a), axis=-1)
    gap = gap + np.sum(np.abs(np.sum(_double(p), axis=-2) - b), axis=-1)
    return float(np.max(gap / unit)) if np.all(p >= 0) else np.inf


def _unbalanced_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """The marginals are those that the potentials ask for, in units of the tolerance."""
    p, f, g, c = (_double(x) for x in (out["plan"], out["f"], out["g"], inputs["cost"]))
    e, rho, kl = options["epsilon"], options["rho"], options.get("reference", "kl") == "kl"
    a, b = _double(inputs["a"]), _double(inputs["b"])
    one, two = rho if isinstance(rho, tuple) else (rho, rho)
    phi = f - e * np.log(a) * kl
    psi = g - e * np.log(b) * kl
    miss = np.abs(np.sum(p, axis=-1) - a * np.exp(-phi / one)).sum(axis=-1)
    miss += np.abs(np.sum(p, axis=-2) - b * np.exp(-psi / two)).sum(axis=-1)
    eps = np.finfo(lx.to_numpy(out["plan"]).dtype).eps
    form = np.max(np.abs(p - np.exp((f[..., :, None] + g[..., None, :] - c) / e))) / (1e4 * eps)
    worst = np.max(miss / p.sum(axis=(-2, -1)))
    return max(29.0 * float(worst) / _allowed(out["plan"], options), float(form))


def _divergence_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Forces add up to zero where nothing else fixes the points: S is invariant under shifts."""
    x, y = _double(out["gradient_x"]), _double(out["gradient_y"])
    size = np.abs(x).sum(axis=(-2, -1)) + np.abs(y).sum(axis=(-2, -1)) + 1.0
    gap = np.abs(x.sum(axis=-2) + y.sum(axis=-2)).max(axis=-1) / size
    return 29.0 * float(np.max(gap)) / (4 * _allowed(out["gradient_x"], options))


def _barycenter_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """All plans have the barycenter and their own distribution as marginals."""
    q, f, g, c = (_double(x) for x in (out["x"], out["f"], out["g"], inputs["cost"]))
    p = np.exp((f[..., :, None] + g[..., None, :] - c[..., None, :, :]) / options["epsilon"])
    b = _double(inputs["masses"])
    w = _double(inputs["weights"])
    w = w / w.sum(axis=-1, keepdims=True)
    miss = np.abs(p.sum(axis=-1) - q[..., None, :]).sum(axis=-1)
    miss = miss + np.abs(p.sum(axis=-2) - b).sum(axis=-1)
    allowed = 10.0 if options.get("debiased") else 1.0  # eps^0.4 instead of eps^0.575
    eps = np.finfo(lx.to_numpy(out["x"]).dtype).eps
    tolerance = eps**0.4 if allowed > 1.0 else _allowed(out["x"], options)
    return 29.0 * float(np.max(np.sum(w * miss, axis=-1))) / tolerance


def _constrained_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    p, a, b = (_double(x) for x in (out["plan"], inputs["a"], inputs["b"]))
    d = _double(inputs["constraints"])
    miss = np.abs(p.sum(axis=-1) - a).sum(axis=-1) + np.abs(p.sum(axis=-2) - b).sum(axis=-1)
    kept = np.exp(-_double(out["multipliers"]) / options["epsilon"])
    sizes = np.maximum(np.abs(d).max(axis=(-2, -1)), 1e-300)
    moved = (d * p[..., None, :, :]).sum(axis=(-2, -1))
    miss = miss + (np.abs(moved - kept) / sizes).sum(axis=-1)
    return 29.0 * float(np.max(miss)) / _allowed(out["plan"], options)


# --- the tables ------------------------------------------------------------------------------

HARD = costs((6, 6), complex_=False)
PAIR = {"a": rows((6, 6), complex_=False), "b": columns((6, 6), complex_=False)}

CASES: dict[str, Case] = {
    "transport.round_plan": Case(
        arrays={"plan": plan, "a": rows, "b": columns},
        variants={"default": {}},
        check=_round_check,
        real=True,
        empty_shapes=((0, 0), (0, 3, 3), (2, 0, 0)),
        exempt={
            "integers_become_the_default_float": "The sums of the made masses differ.",
            "results_share_no_memory_with_the_input": "The sums of the changed masses differ.",
            "the_ends_of_the_range": "Tested beside the function, with masses of the same size.",
        },
    ),
    "transport.solve_unbalanced": Case(
        looped=True,
        arrays={"cost": costs, "a": rows, "b": heavy},
        variants={
            "default": {"epsilon": 0.2, "rho": 0.5},
            "entropy": {"epsilon": 0.2, "rho": (0.5, 2.0), "reference": "entropy"},
            "sinkhorn": {"epsilon": 0.2, "rho": 0.5, "method": "sinkhorn"},
        },
        check=_unbalanced_check,
        observe=fields("plan", "f", "g"),
        real=True,
        iterate="f",
        choices={"method": ("newton", "sinkhorn"), "reference": ("kl", "entropy")},
        trouble={
            "no steps": (
                {"cost": HARD, "a": PAIR["a"], "b": PAIR["b"]},
                {"epsilon": 0.01, "rho": 1.0, "maxiter": 0},
            ),
        },
        exempt={
            "no_entries": EMPTY,
            "non_finite_entries": INFINITE,
            "unchecked_entries_are_never_a_success": INFINITE,
        },
    ),
    "transport.divergence": Case(
        looped=True,
        arrays={"x": points, "y": others},
        variants={
            "default": {"epsilon": 0.5},
            "distance": {"epsilon": 0.5, "p": 1},
            "soft": {"epsilon": 0.5, "rho": 1.0},
        },
        slack=4000,  # gradients are as good as the tolerance, 1e-4 in 32 bits
        check=_divergence_check,
        observe=fields("gradient_a", "gradient_b", "gradient_x", "gradient_y"),
        real=True,
        trouble={
            "no steps": (
                {"x": points((5, 2), complex_=False), "y": others((5, 2), complex_=False)},
                {"epsilon": 0.01, "maxiter": 0},
            ),
        },
        exempt={
            "no_entries": EMPTY,
            "further_arrays_must_fit_the_first": NUMBER,
            "the_ends_of_the_range": "The squares of such distances do not exist.",
            "matrices_of_one_batch_do_not_disturb_each_other": ONE_SIZE,
        },
    ),
    "transport.barycenter": Case(
        looped=True,
        arrays={
            "cost": costs,
            "masses": distributions,
            "weights": shares,
        },
        variants={
            "default": {"epsilon": 0.2},
            "scaling": {"epsilon": 0.2, "method": "scaling"},
            "log": {"epsilon": 0.2, "method": "log"},
            "newton": {"epsilon": 0.2, "method": "newton"},
        },
        check=_barycenter_check,
        observe=fields("x", "f", "g"),
        real=True,
        iterate="x",
        choices={"method": ("auto", "newton", "log", "scaling")},
        trouble={
            "no steps": (
                {
                    "cost": HARD,
                    "masses": distributions((6, 6), complex_=False),
                    "weights": np.ones(3),
                },
                {"epsilon": 0.01, "maxiter": 0},
            ),
        },
        exempt={
            "no_entries": EMPTY,
            "further_arrays_must_fit_the_first": NUMBER,
            "integers_become_the_default_float": "The sums of the made distributions differ.",
            "the_ends_of_the_range": BEYOND,
            "matrices_of_one_batch_do_not_disturb_each_other": ONE_SIZE,
            "unchecked_entries_are_never_a_success": INFINITE,
        },
    ),
    "transport.solve_constrained": Case(
        looped=True,
        arrays={"cost": costs, "a": rows, "b": columns, "constraints": constraints},
        named=("constraints",),
        variants={"default": {"epsilon": 0.2}},
        check=_constrained_check,
        observe=fields("plan", "f", "g", "multipliers", "slack"),
        real=True,
        iterate="f",
        trouble={
            "no steps": (
                {
                    "cost": HARD,
                    **PAIR,
                    "constraints": constraints((6, 6), complex_=False),
                },
                {"epsilon": 0.01, "maxiter": 0},
            ),
        },
        exempt={
            "no_entries": EMPTY,
            "further_arrays_must_fit_the_first": NUMBER,
            "integers_become_the_default_float": "The sums of the made masses differ.",
            "results_share_no_memory_with_the_input": "The sums of the changed masses differ.",
            "the_ends_of_the_range": BEYOND,
            "matrices_of_one_batch_do_not_disturb_each_other": ONE_SIZE,
        },
    ),
}


def _differentiated() -> tuple[tuple[Any, ...], Options]:
    """A result and the gradient of a corner of its plan."""
    result = lx.transport.solve(costs((3, 4), complex_=False), epsilon=0.5)
    return (result,), {"plan": np.eye(3, 4)}


HOST = {"transport.vjp": ("It takes a result; its arrays are tested beside it.", _differentiated)}

"""How to call the functions of `transport` that are no entropic solvers of one plan."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._kinds import Arrays, Case, Options
from cases._makers import Shape, general
from cases.transport_extensions import fields

# --- makers ----------------------------------------------------------------------------------


def costs(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host costs between 0 and 1."""
    return np.random.default_rng([seed, *shape]).random(shape)


def sources(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host masses (..., m) of sum one."""
    a = np.random.default_rng([seed + 1, *shape]).uniform(0.5, 1.5, shape[:-1])
    return a / a.sum(axis=-1, keepdims=True)


def targets(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host masses (..., n) of sum one."""
    return sources((*shape[:-2], shape[-1], 1), complex_=complex_, seed=seed + 1)


def sample(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host points (m, n), away from the origin."""
    return general(shape, complex_=False, seed=seed) + 3.0


def other_sample(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host points of the same dimension."""
    return 2.0 * general(shape, complex_=False, seed=seed + 7) - 1.0


def histograms(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host histograms, one a row, of different masses."""
    return np.random.default_rng([seed, *shape]).uniform(0.1, 2.0, shape)


# --- judgements ------------------------------------------------------------------------------


def _host(x: Any) -> Any:
    return np.asarray(lx.to_numpy(x), dtype=float)


def _eps(x: Any) -> float:
    return float(np.finfo(lx.to_numpy(x).dtype).eps)


def _masses(inputs: Arrays, shape: tuple[int, ...]) -> tuple[Any, Any]:
    n, m = shape
    a = _host(inputs["a"]) if "a" in inputs else np.full(n, 1 / n)
    b = _host(inputs["b"]) if "b" in inputs else np.full(m, 1 / m)
    return a, b


def _optimum(c: Any, a: Any, b: Any) -> float:
    from scipy.optimize import linprog  # imports scipy.sparse, which sets warning filters

    n, m = c.shape
    rows = np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    size = np.max(np.abs(c)) or 1.0
    right = np.r_[a / a.sum(), b / b.sum()]
    return float(linprog((c / size).ravel(), A_eq=rows, b_eq=right).fun * size * a.sum())


def _each(check: Any) -> Any:
    """Judge the problems of a batch one after the other."""

    def judged(inputs: Arrays, out: Arrays, options: Options) -> float:
        lead = np.shape(inputs["cost"])[:-2]
        ratios = [
            check(*({k: _host(x)[at] for k, x in named.items()} for named in (inputs, out)),
                  options, _eps(next(iter(out.values()))))
            for at in np.ndindex(*lead)
        ]  # fmt: skip
        return max(ratios, default=0.0)

    return judged


@_each
def _assignment_check(inputs: Arrays, out: Arrays, options: Options, eps: float) -> float:
    """Feasible up to rounding, and optimal up to what was asked for."""
    c, p, f, g = (_host(x) for x in (inputs["cost"], out["plan"], out["f"], out["g"]))
    a, b = _masses(inputs, c.shape)
    mass, size = a.sum(), np.max(np.abs(c)) or 1.0
    left, right = np.abs(p.sum(1) - a).sum(), np.abs(p.sum(0) - b).sum()
    slack = np.min(c - f[:, None] - g[None, :]) / size
    rounding = max(left / mass, right / mass, -slack, -p.min() / mass) / (max(c.shape) * eps)
    allowed = options.get("rtol", eps**0.4) + 20 * max(c.shape) * eps
    best = _optimum(c, a, b)
    gap = max(np.sum(c * p) - best, best - a @ f - b @ g) / (size * mass)
    return max(rounding, 29 * gap / allowed)


@_each
def _low_rank_check(inputs: Arrays, out: Arrays, options: Options, eps: float) -> float:
    """Couplings with a common marginal; the cost is no less than that of the best plan."""
    c, q, r, w = (_host(x) for x in (inputs["cost"], out["q"], out["r"], out["weights"]))
    a, b = _masses(inputs, c.shape)
    gaps = [q.sum(1) - a, r.sum(1) - b, q.sum(0) - w, r.sum(0) - w]
    worst = max(np.abs(gap).sum() for gap in gaps) / (max(c.shape) * eps)
    p = (q / w) @ r.T
    size = np.max(np.abs(c)) or 1.0
    beyond = (_optimum(c, a, b) - np.sum(c * p)) / size
    above = (np.sum(c * p) - a @ c @ b) / size if "epsilon" not in options else 0.0
    return max(worst, -q.min() / eps, -r.min() / eps, max(beyond, above) / (50 * eps))


def _bridge_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """One component has a closed form; several at least are a mixture."""
    x, y = _host(inputs["source"]), _host(inputs["target"])
    s, means, weights = (_host(out[k]) for k in ("scales", "means", "log_weights"))
    total = abs(np.exp(weights).sum() - 1) / _eps(out["means"])
    if len(weights) > 1:
        return max(total, 0.0 if np.min(s) > 0 else np.inf)
    e, v0, v1 = options["epsilon"], x.var(0), y.var(0)
    known = 2 * v1 / (e + np.sqrt(e * e + 4 * v0 * v1))
    # The gradient that is left, with a Hessian that is not far from one.
    allowed = options.get("rtol", _eps(out["means"]) ** 0.25)
    gap = np.max(np.abs(s - known) / (known + 1e-3))
    shift = np.max(np.abs(means - y.mean(0)) / (np.sqrt(v1) + 1e-3))
    return max(total, 5 * gap / allowed, 5 * shift / allowed)


def _dictionary_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """All columns in the simplex, and a mixture that is closer than the mean of the data."""
    x, h, u = _host(inputs["x"]), _host(out["codes"]), _host(out["factor"])
    eps = _eps(out["codes"])
    mass = x.reshape(len(x), -1).sum(1)
    sums = np.max(np.abs(h.sum(1) / mass - 1)), np.max(np.abs(u.sum(0) - 1))
    return max(*sums, -h.min() / mass.max(), -u.min()) / (max(x.shape) * eps)


def _dictionary_arrays(result: Any, inputs: Arrays) -> Arrays:
    return {"codes": result.codes, "factor": result.factors[0]}


# --- calls -----------------------------------------------------------------------------------

VOID: dict[str, Any] = {"empty_shapes": ()}
NO_PROBLEMS: dict[str, Any] = {"empty_shapes": ((0, 3, 3), (0, 2, 4))}
ANOTHER_STREAM = {
    "integers_become_the_default_float": "Another precision draws another start.",
}
OPTIONAL = {
    "other_kinds": "None stands for uniform masses; the costs are asked without masses.",
    "results_share_no_memory_with_the_input": "Masses scaled each for itself are not balanced.",
}
FAR = {"the_ends_of_the_range": "The regularization is a number in the units of the samples."}
HARD = np.random.default_rng(0).random((6, 6))

AS_WITHOUT = {
    "matrices_of_one_batch_do_not_disturb_each_other": "Asked of the call without masses.",
    "batches_equal_a_loop": "Asked of the call without masses.",
}

CASES: dict[str, Case] = {
    "transport.assignment_pdhg": Case(
        looped=True,
        arrays={"cost": costs},
        variants={
            "default": {"rtol": 1e-3},
            "fixed steps": {"method": "chambolle_pock", "rtol": 1e-2},
            "long steps": {"step": 50.0, "rtol": 1e-2},
        },
        brief=("default", "fixed steps"),
        degrees=lambda options: {"plan": 0, "f": 1, "g": 1},
        check=_assignment_check,
        observe=fields("plan", "f", "g"),
        real=True,
        iterate="plan",
        slack=1e13,  # of the order of the tolerance
        choices={"method": ("prediction_correction", "chambolle_pock")},
        trouble={"few steps": ({"cost": HARD}, {"maxiter": 2})},
        **NO_PROBLEMS,
    ),
    "transport.assignment_pdhg (masses)": Case(
        looped=True,
        arrays={"cost": costs, "a": sources, "b": targets},
        variants={"default": {"rtol": 1e-3}},
        degrees=lambda options: {"plan": 0, "f": 1, "g": 1},
        check=_assignment_check,
        observe=fields("plan", "f", "g"),
        real=True,
        iterate="plan",
        slack=1e13,  # of the order of the tolerance
        exempt={**OPTIONAL, **AS_WITHOUT},
        **NO_PROBLEMS,
    ),
    "transport.low_rank": Case(
        looped=True,
        arrays={"cost": costs},
        variants={
            "default": {"rank": 2, "rng": 0},
            "regularized": {"rank": 3, "epsilon": 0.05, "rng": 0},
        },
        brief=("default",),
        degrees=lambda options: {} if "epsilon" in options else {"q": 0, "r": 0, "weights": 0},
        check=_low_rank_check,
        observe=fields("q", "r", "weights"),
        real=True,
        iterate="q",
        slack=1e8,
        trouble={"few steps": ({"cost": HARD}, {"rank": 3, "maxiter": 0, "rng": 0})},
        exempt=ANOTHER_STREAM,
        **NO_PROBLEMS,
    ),
    "transport.low_rank (masses)": Case(
        looped=True,
        arrays={"cost": costs, "a": sources, "b": targets},
        variants={"default": {"rank": 2, "rng": 0}},
        check=_low_rank_check,
        observe=fields("q", "r", "weights"),
        real=True,
        iterate="q",
        slack=1e8,
        exempt={**ANOTHER_STREAM, **OPTIONAL, **AS_WITHOUT},
        **NO_PROBLEMS,
    ),
    "transport.light_bridge": Case(
        arrays={"source": sample, "target": other_sample},
        variants={"default": {"epsilon": 1.0, "components": 1, "rng": 0}},
        check=_bridge_check,
        real=True,
        iterate="means",
        slack=1e11,
        trouble={
            "few steps": (
                {"source": HARD, "target": 2.0 * HARD},
                {"epsilon": 0.1, "components": 2, "maxiter": 1, "rng": 0},
            )
        },
        exempt={
            **FAR,
            **ANOTHER_STREAM,
            "further_arrays_must_fit_the_first": "Samples may have different sizes.",
        },
        **VOID,
    ),
    "transport.light_bridge (mixture)": Case(
        arrays={"source": sample, "target": other_sample},
        variants={"default": {"epsilon": 2.0, "components": 2, "rtol": 0.05, "rng": 0}},
        check=_bridge_check,
        real=True,
        resize=lambda shape: (*shape[:-2], 12, 2),
        iterate="means",
        slack=1e13,  # of the order of the tolerance
        exempt={
            **FAR,
            **ANOTHER_STREAM,
            "further_arrays_must_fit_the_first": "Samples may have different sizes.",
        },
        **VOID,
    ),
    "transport.cp_dictionary": Case(
        arrays={"x": histograms},
        variants={"default": {"rank": 2, "gamma": 0.5, "rtol": 0.05, "rng": 0}},
        degrees=lambda options: {"codes": 1, "factor": 0},
        check=_dictionary_check,
        real=True,
        needs="regular",
        observe=_dictionary_arrays,
        iterate="codes",
        slack=1e10,
        trouble={"no cycle": (HARD, {"rank": 2, "gamma": 0.5, "maxiter": 0, "rng": 0})},
        exempt={
            **ANOTHER_STREAM,
            "batches_are_refused_where_there_are_none": "Three axes are images, one a slice.",
            "zero_matrices_are_finite_or_refused": "A histogram without mass is a ValueError.",
        },
        **VOID,
    ),
}

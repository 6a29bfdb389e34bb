"""How to call the solver of entropic transport, by every method."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._checks import _double
from cases._kinds import Arrays, Case, Options
from cases.transport_extensions import HARD, INFINITE, PAIR, columns, costs, rows

METHODS = (
    *("auto", "newton", "sinkhorn", "sinkhorn_log", "overrelaxed", "anderson", "mdot"),
    *("greenkhorn", "apdagd", "sinkhorn_newton", "sns", "ssns", "splr", "proximal"),
)


def _check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """The plan of the potentials has the marginals, and is the plan that is returned."""
    p, f, g, c = (_double(x) for x in (out["plan"], out["f"], out["g"], inputs["cost"]))
    if p.size == 0:
        return 0.0
    a, b = _double(inputs["a"]), _double(inputs["b"])
    miss = np.abs(p.sum(axis=-1) - a).sum(axis=-1) + np.abs(p.sum(axis=-2) - b).sum(axis=-1)
    eps = float(np.finfo(lx.to_numpy(out["plan"]).dtype).eps)
    made = np.exp((f[..., :, None] + g[..., None, :] - c) / options["epsilon"])
    allowed = float(options.get("rtol") or eps**0.575) + 200 * eps
    ratio = 29.0 * float(np.max(miss / a.sum(axis=-1), initial=0.0)) / allowed
    return max(ratio, float(np.max(np.abs(p - made), initial=0.0)) / (1e4 * eps))


def _variants() -> dict[str, Any]:
    by_method: dict[str, Any] = {name: {"epsilon": 0.2, "method": name} for name in METHODS[1:]}
    by_method["sns"]["options"] = {"density": 1.0}  # of so few entries none can be spared
    return {"default": {"epsilon": 0.2}, "small": {"epsilon": 0.01}, **by_method}


CASES: dict[str, Case] = {
    "transport.solve": Case(
        arrays={"cost": costs, "a": rows, "b": columns},
        variants=_variants(),
        brief=("default", "newton", "mdot"),
        check=_check,
        observe=lambda result, inputs: {name: getattr(result, name) for name in ("plan", "f", "g")},
        real=True,
        iterate="f",
        slack=30.0,
        power=0.575,
        choices={"method": METHODS},
        trouble={
            "one step": (
                {"cost": HARD, **PAIR},
                {"epsilon": 0.001, "maxiter": 1},
            ),
            "no steps": (
                {"cost": HARD, **PAIR},
                {"epsilon": 0.01, "method": "newton", "maxiter": 0},
            ),
        },
        exempt={
            "no_entries": "Without bins there is no mass, and that is refused.",
            "non_finite_entries": INFINITE,
            "unchecked_entries_are_never_a_success": INFINITE,
            "matrices_of_one_batch_do_not_disturb_each_other": "One ε serves one size of costs.",
            "the_ends_of_the_range": "Costs of another size ask for another ε.",
            "results_share_no_memory_with_the_input": "Tested beside it, with masses of one sum.",
            "integers_become_the_default_float": "The sums of the made masses differ.",
        },
    ),
}

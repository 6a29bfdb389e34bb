"""How to call `jacobi.svd`."""

import numpy as np

import linalgx as lx
from cases._kinds import Arrays, Case, Options
from cases._makers import general


def _check(inputs: Arrays, out: Arrays, options: Options) -> float:
    a = inputs["a"]
    if "u" in out:
        return max(lx.testing.svd_ratios(a, out["u"], out["s"], out["vh"]))
    s, host = lx.to_numpy(out["s"]), lx.to_numpy(a)
    reference = np.linalg.svd(host, compute_uv=False) if host.size else np.zeros(s.shape)
    assert s.shape == reference.shape
    gap = float(np.max(np.abs(s - reference), initial=0.0))
    size = float(np.max(reference, initial=0.0)) or 1.0
    return gap / (size * np.finfo(s.dtype).eps * max(host.shape[-2:]))


GRADED = np.vander(np.linspace(0.1, 1.0, 5))

CASES: dict[str, Case] = {
    "jacobi.svd": Case(
        arrays={"a": general},
        variants={
            "default": {},
            "matching": {"pivoting": "matching", "rng": 0},
            "cyclic": {"pivoting": "cyclic"},
            "tournament": {"pivoting": "tournament"},
            "permutation": {"pivoting": "permutation", "rng": 0},
            "uniform": {"pivoting": "uniform", "rng": 0},
            "absolute": {"accuracy": "absolute"},
        },
        degrees=lambda options: {"u": 0, "s": 1, "vh": 0},
        check=_check,
        choices={
            "accuracy": ("relative", "absolute"),
            "pivoting": ("auto", "cyclic", "tournament", "permutation", "uniform", "matching"),
        },
        brief=("default", "matching", "absolute"),
        trouble={
            "one sweep": (GRADED, {"maxiter": 1}),
            "batch": (np.stack([GRADED, 2 * GRADED]), {"maxiter": 1}),
            "random pairs": (GRADED, {"maxiter": 3, "pivoting": "uniform", "rng": 0}),
        },
    ),
}

"""Judgements that cases of several families share."""

from collections.abc import Callable
from typing import Any

import numpy as np

import linalgx as lx
import linalgx.backend as seam
from cases._kinds import Arrays, Options

PASS = 30.0


def solves(
    *,
    a: str = "a",
    b: str = "b",
    x: str = "x",
    rtol: Callable[[Options], float] = lambda options: options.get("rtol") or 0.0,
    floor: float = 10.0,
) -> Callable[[Arrays, Arrays, Options], float]:
    """Make the check of a solver: ‖b − A x‖ against what was asked for, in double precision.

    The ratio passes when ‖b − A x‖ ≤ rtol ‖b‖ + floor n eps (‖A‖ ‖x‖ + ‖b‖), each column of a block
    and each problem of a batch for itself.
    """

    def check(inputs: Arrays, out: Arrays, options: Options) -> float:
        eps = float(np.finfo(lx.to_numpy(out[x]).dtype).eps)
        matrix, right, answer = (_double(v) for v in (inputs[a], inputs[b], out[x]))
        if answer.shape != right.shape:
            return float("inf")
        if answer.size == 0:
            return 0.0
        if right.ndim == matrix.ndim - 1:
            right, answer = right[..., None], answer[..., None]
        gap = np.linalg.norm(right - matrix @ answer, axis=-2)
        size = np.linalg.norm(right, axis=-2)
        product = np.linalg.norm(matrix, axis=(-2, -1))[..., None] * np.linalg.norm(answer, axis=-2)
        bound = rtol(options) * size + floor * matrix.shape[-1] * eps * (product + size)
        return PASS * float(np.max(gap / bound)) * (1 - 1e-6)

    return check


def _double(x: Any) -> Any:
    x = x.toarray() if hasattr(x, "toarray") else lx.to_numpy(x)
    return np.asarray(x, dtype=np.result_type(x.dtype, np.float64))


def distance(x: Any, y: Any) -> float:
    """Largest difference of two arrays in units of n·eps, for answers that are unique."""
    x, y = lx.to_numpy(x), lx.to_numpy(y)
    unit = np.finfo(x.dtype).eps * max(*x.shape[-2:], 10)
    return float(np.max(np.abs(x - y), initial=0.0)) / unit


def applied(result: Any, inputs: Arrays) -> Arrays:
    """Outputs of a function that returns a map: its product with a fixed vector."""
    arrays = [x for x in inputs.values() if seam.is_array(x)]
    device = seam.device_of(arrays[0]) if arrays else None
    host = np.linspace(-1.0, 2.0, result.shape[1])
    return {"product": result @ result.xp.asarray(host, dtype=result.dtype, device=device)}

"""How to call `randomized.lstsq` and `randomized.sketch`."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._kinds import Arrays, Case, Options
from cases._makers import general, rhs, rhs_block


def tall(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Make the rows at least as many as the columns."""
    return (*shape[:-2], max(shape[-2:]), shape[-1])


def _gradient(inputs: Arrays, out: Arrays, options: Options) -> float:
    """‖Aᴴ(b − A x)‖ in units of 10 n eps ‖A‖ (‖A‖ ‖x‖ + ‖b‖), in double precision."""
    eps = float(np.finfo(lx.to_numpy(out["x"]).dtype).eps)
    a, b, x = (_double(v) for v in (inputs["a"], inputs["b"], out["x"]))
    if x.size == 0:
        return 0.0
    if b.ndim == a.ndim - 1:
        b, x = b[..., None], x[..., None]
    gap = np.linalg.norm(np.conj(np.swapaxes(a, -1, -2)) @ (b - a @ x), axis=-2)
    size = np.linalg.norm(a, axis=(-2, -1))[..., None]
    unit = size * (size * np.linalg.norm(x, axis=-2) + np.linalg.norm(b, axis=-2))
    bound = max(options.get("rtol") or 0.0, 10 * a.shape[-1] * eps) * unit
    return 30 * float(np.max(gap / np.where(bound > 0, bound, 1.0)))


def _double(x: Any) -> Any:
    x = x.toarray() if hasattr(x, "toarray") else lx.to_numpy(x)
    return np.asarray(x, dtype=np.result_type(x.dtype, np.float64))


COMMON: dict[str, Any] = {
    "degrees": lambda options: {"x": -1},
    "scales": {"b": {"x": 1}},
    "check": _gradient,
    "needs": "",
    "resize": tall,
    "shapes": ((4, 4), (5, 3), (1, 1), (4, 1)),
    "empty_shapes": ((0, 0), (3, 0), (0, 3, 3), (2, 0, 0), (2, 3, 0), (0, 4, 2)),
    "looped": True,
    "iterate": "x",
    "observe": lambda result, inputs: {"x": result.x},
}

CASES: dict[str, Case] = {
    "randomized.lstsq": Case(
        arrays={"a": general, "b": rhs},
        variants={"default": {"rng": 0}, "spir": {"method": "spir", "rng": 0}},
        choices={"method": ("fossils", "spir")},
        trouble={
            "no tolerance": (
                {"a": np.vander(np.linspace(0.1, 1, 6), 4), "b": np.sin(np.arange(6.0))},
                {"rtol": 0.0},
            )
        },
        **COMMON,
    ),
    "randomized.lstsq (block)": Case(
        arrays={"a": general, "b": rhs_block}, variants={"default": {"rng": 0}}, **COMMON
    ),
}

HOST = {
    "randomized.sketch": (
        "sizes only, and the answer is a map",
        (("sparse_sign", 3, 7), {"rng": 0}),
    ),
}

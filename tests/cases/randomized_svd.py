"""How to call the truncated decompositions of `randomized`."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._kinds import Arrays, Case, Options, outputs
from cases._makers import hermitian


def graded(shape: tuple[int, ...], *, complex_: bool, seed: int = 0) -> Any:
    """Host matrix with singular values 1, 1/4, 1/16, ..., so that two of them are most of it."""
    rng = np.random.default_rng([seed, *shape])
    m, n = shape[-2:]

    def isometry(rows: int) -> Any:
        x = rng.standard_normal((*shape[:-2], rows, min(m, n)))
        y = rng.standard_normal(x.shape) if complex_ else 0.0
        return np.linalg.qr(x + 1j * y if complex_ else x)[0]

    u, v = isometry(m), isometry(n)
    return (u * 0.25 ** np.arange(min(m, n))) @ np.conj(np.swapaxes(v, -1, -2))


def _double(x: Any) -> Any:
    x = x.toarray() if hasattr(x, "toarray") else lx.to_numpy(x)
    return np.asarray(x, dtype=np.result_type(x.dtype, np.float64))


def _isometry_ratio(q: Any, eps: float) -> float:
    """‖QᴴQ − I‖ in units of n·eps."""
    if 0 in q.shape:
        return 0.0
    gap = np.conj(np.swapaxes(q, -1, -2)) @ q - np.eye(q.shape[-1])
    return float(np.max(np.abs(gap))) / (eps * max(*q.shape[-2:], 10))


def _svd_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Orthonormal factors, and an error near the least one: how near, depends on the method."""
    eps = float(np.finfo(lx.to_numpy(out["s"]).dtype).eps)
    a, u, s, vh = (_double(x) for x in (inputs["a"], out["u"], out["s"], out["vh"]))
    if 0 in a.shape or 0 in u.shape:
        return 0.0 if u.shape[-2] == a.shape[-2] and vh.shape[-1] == a.shape[-1] else np.inf
    k = s.shape[-1]
    assert np.all(s >= 0.0)
    assert np.all(s[..., :-1] >= s[..., 1:])
    size = np.linalg.norm(a, axis=(-2, -1))
    least = np.linalg.norm(np.linalg.svd(a, compute_uv=False)[..., k:], axis=-1)
    error = np.linalg.norm(a - (u * s[..., None, :]) @ vh, axis=(-2, -1))
    allowed = {"single_pass": 0.5}.get(options.get("method", ""), 1e-6)
    if options.get("rank") is None:
        excess = (error - options["rtol"] * size) / size
    else:
        excess = (error - (1 + allowed) * least) / np.where(size > 0, size, 1.0)
    ratios = [np.max(excess) / (100 * eps)]
    return float(max(ratios + [_isometry_ratio(q, eps) for q in (u, np.swapaxes(vh, -1, -2))]))


def _eigh_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Orthonormal vectors, ascending values, and an error near the least one."""
    eps = float(np.finfo(lx.to_numpy(out["w"]).dtype).eps)
    a, w, v = (_double(x) for x in (inputs["a"], out["w"], out["v"]))
    if 0 in a.shape or 0 in v.shape:
        return 0.0 if v.shape[-2] == a.shape[-2] else np.inf
    assert np.all(w[..., :-1] <= w[..., 1:])
    size = np.linalg.norm(a, axis=(-2, -1))
    modulus = np.sort(np.abs(np.linalg.eigvalsh(a)), axis=-1)
    least = np.linalg.norm(modulus[..., : a.shape[-1] - w.shape[-1]], axis=-1)
    vh = np.conj(np.swapaxes(v, -1, -2))
    error = np.linalg.norm(a - (v * w[..., None, :]) @ vh, axis=(-2, -1))
    excess = (error - (1 + 1e-6) * least) / np.where(size > 0, size, 1.0)
    return float(max(np.max(excess) / (100 * eps), _isometry_ratio(v, eps)))


def _factors(result: Any, inputs: Arrays) -> Arrays:
    """Outputs without the estimated error, which is a number for one matrix only."""
    return {name: x for name, x in outputs(result).items() if name != "error"}


FLAT = np.random.default_rng(0).standard_normal((40, 30))
FEW: Options = {"rank": 5, "rtol": 1e-5, "maxiter": 1, "rng": 0}
ANY_BASIS = {
    "integers_become_the_default_float": "Vectors of an identity are any; draws have a precision."
}
SHAPES = ((4, 4), (5, 3), (3, 5), (2, 2), (2, 4), (4, 2))

CASES: dict[str, Case] = {
    "randomized.svd": Case(
        arrays={"a": graded},
        variants={
            "default": {"rank": 2, "rng": 0},
            "one by one": {"rank": 2, "block_size": 1, "rng": 0},
            "subspace": {"rank": 2, "method": "subspace", "rng": 0},
            "tolerance": {"rank": 2, "rtol": 1e-5, "rng": 0},
            "by error": {"rtol": 0.1, "rng": 0},
            "single pass": {"rank": 2, "method": "single_pass", "rng": 0},
        },
        degrees=lambda options: {"u": 0, "s": 1, "vh": 0},
        check=_svd_check,
        shapes=SHAPES,
        empty_shapes=((0, 3, 3), (0, 4, 2)),
        observe=_factors,
        exempt=ANY_BASIS,
        looped=True,
        iterate="s",
        slack=2000,
        choices={"method": ("krylov", "subspace", "single_pass")},
        brief=("default", "subspace", "single pass"),
        trouble={"few steps": (FLAT, FEW)},
    ),
    "randomized.eigh": Case(
        arrays={"a": hermitian},
        variants={
            "default": {"rank": 2, "rng": 0},
            "one by one": {"rank": 2, "block_size": 1, "rng": 0},
            "subspace": {"rank": 2, "method": "subspace", "rng": 0},
        },
        degrees=lambda options: {"w": 1, "v": 0},
        check=_eigh_check,
        square=True,
        shapes=((4, 4), (2, 2)),
        empty_shapes=((0, 3, 3),),
        observe=_factors,
        exempt=ANY_BASIS,
        looped=True,
        iterate="w",
        slack=2000,
        choices={"method": ("krylov", "subspace")},
        brief=("default", "subspace"),
        trouble={
            "few steps": (
                FLAT[:30] + FLAT[:30].T,
                {"rank": 5, "rtol": 1e-5, "maxiter": 1, "rng": 0},
            )
        },
    ),
}

"""How to call the one-pass approximations, the tall QR and the UTV of `randomized`."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._kinds import Arrays, Case, Object, Options
from cases._makers import general


def semidefinite(shape: Any, *, complex_: bool, seed: int = 0) -> Any:
    """Host Hermitian matrix with eigenvalues 1, 1/2, 1/4, ..."""
    n = shape[-1]
    q = np.linalg.qr(general(shape, complex_=complex_, seed=seed))[0]
    a = (q * 0.5 ** np.arange(n)) @ np.conj(np.swapaxes(q, -1, -2))
    return (a + np.conj(np.swapaxes(a, -1, -2))) / 2


def graded(shape: Any, *, complex_: bool, seed: int = 0) -> Any:
    """Host matrix with singular values 1, 1/2, 1/4, ..."""
    u, s, vh = np.linalg.svd(general(shape, complex_=complex_, seed=seed), full_matrices=False)
    return (u * 0.5 ** np.arange(s.shape[-1])) @ vh


def _units(gap: Any, size: Any, like: Any) -> float:
    unit = np.finfo(like.dtype).eps * max(*like.shape[-2:], 10)
    return float(np.max(gap, initial=0.0) / (unit * (float(np.max(size, initial=0.0)) or 1.0)))


def _orthogonality(q: Any) -> float:
    gram = np.conj(np.swapaxes(q, -1, -2)) @ q
    return _units(np.abs(gram - np.eye(q.shape[-1])), 1.0, q)


def _dense(a: Any) -> Any:
    return a.toarray() if hasattr(a, "toarray") else lx.to_numpy(a)


def _svd_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """These matrices are so small that the sketch sees all of them."""
    a = _dense(inputs["a"])
    u, s, vh, error = (lx.to_numpy(out[key]) for key in ("u", "s", "vh", "error"))
    rank = s.shape[-1]
    exact = np.linalg.svd(a, compute_uv=False)
    scale = np.max(exact, initial=0.0)
    best = np.sqrt(np.sum(exact[..., rank:] ** 2, axis=-1))
    gap = np.linalg.norm(a - (u * s[..., None, :]) @ vh, axis=(-2, -1)) - best
    if np.any((best > 1e-3 * scale) & ((error > 3.0 * best) | (error < best / 6.0))):
        return np.inf
    sides = _orthogonality(u), _orthogonality(np.conj(np.swapaxes(vh, -1, -2)))
    return max(_units(np.abs(s - exact[..., :rank]), scale, a), _units(gap, scale, a), *sides)


def _nystrom_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    v, w = (np.flip(lx.to_numpy(out[key]), axis=-1) for key in ("v", "w"))
    named = {"u": v, "s": w, "vh": np.conj(np.swapaxes(v, -1, -2)), "error": out["error"]}
    return _svd_check(inputs, named, options) / 3.0  # the shift costs some units


def _qr_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    a, q, r = (lx.to_numpy(x) for x in (inputs["a"], out["q"], out["r"]))
    if "p" in out:
        p = lx.to_numpy(out["p"])
        if sorted(p) != list(range(a.shape[1])):
            return np.inf
        a = a[:, p]
    return max(lx.testing.qr_ratios(a, q, r))


def _utv_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    a, u, t, vh = (lx.to_numpy(x) for x in (inputs["a"], out["u"], out["t"], out["vh"]))
    size = np.max(np.abs(a), initial=0.0)
    below = _units(np.abs(np.tril(t, -1)), size, a)
    sides = _orthogonality(u), _orthogonality(np.conj(np.swapaxes(vh, -1, -2)))
    return max(_units(np.abs(a - u @ t @ vh), size, a), below, *sides)


DRAWS = {"integers_become_the_default_float": "Draws in single precision are other numbers."}
SHAPES = ((4, 4), (5, 3), (3, 5), (2, 2))
ONE_LOOK: dict[str, Any] = {
    "shapes": SHAPES,
    "empty_shapes": ((0, 4, 4),),
    "looped": True,
    "slack": 5000,
    "exempt": DRAWS,
}

CASES: dict[str, Case] = {
    "randomized.nystrom": Case(
        arrays={"a": semidefinite},
        variants={
            "default": {"rank": 2, "rng": 0},
            "shift": {"rank": 2, "rng": 0, "shift": 0.0, "oversample": 2},
        },
        degrees=lambda options: {"w": 1, "v": 0, "error": 1},
        check=_nystrom_check,
        square=True,
        needs="hermitian",
        brief=("default",),
        **{**ONE_LOOK, "shapes": ((4, 4), (2, 2))},
    ),
    "randomized.generalized_nystrom": Case(
        arrays={"a": graded},
        variants={"default": {"rank": 2, "rng": 0}},
        degrees=lambda options: {"u": 0, "s": 1, "vh": 0, "error": 1},
        check=_svd_check,
        **ONE_LOOK,
    ),
    "randomized.qr": Case(
        arrays={"a": general},
        variants={"default": {}, "pivoting": {"pivoting": True, "rng": 0}},
        degrees=lambda options: {"q": 0, "r": 1},
        check=_qr_check,
        discrete=("p",),
        shapes=((4, 4), (5, 3), (3, 5), (1, 1), (24, 3), (4, 1), (1, 4)),
    ),
    "randomized.utv": Case(
        arrays={"a": general},
        variants={
            "powerurv": {"method": "powerurv", "rng": 0},
            "randutv": {"method": "randutv", "block_size": 2, "rng": 0},
            "power": {"power": 0, "rng": 0},
        },
        degrees=lambda options: {"u": 0, "t": 1, "vh": 0},
        check=_utv_check,
        choices={"method": ("powerurv", "randutv")},
        brief=("powerurv", "randutv"),
        slack=5000,
        exempt=DRAWS,
    ),
}

OBJECTS: dict[str, Object] = {
    "randomized.StreamingSketch": Object(
        reason="A sketch that remembers the updates of a matrix.",
        make=lambda: lx.randomized.StreamingSketch((6, 5), 2, rng=0),
    ),
}

"""The tasks of `linalgx.orthogonal`: rotations, alignment, whitening, orthogonal weights."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from linalgx._tour.data import digits, patches, photograph
from linalgx._tour.picture import bars
from linalgx._tour.task import Outcome, Place, Task
from linalgx.orthogonal import inverse_root, orthogonalize, polar
from linalgx.plotting import COLORS, spectrum
from linalgx.typing import Array

_BY_SVD = "the same from the singular value decomposition, same device"
_MUON = (3.4445, -4.7750, 2.0315)


def nearest_rotations(place: Place) -> Task:
    """How colours turn from one patch to the next: the best determined 20,000 places."""
    colors = patches(photograph("china.jpg"), 8, 2).reshape(210, 317, 64, 3)
    centred = colors - colors.mean(axis=2, keepdims=True)
    left, right = centred[:, :-4], centred[:, 4:]
    m = (left.mT @ right).reshape(-1, 3, 3)
    size = np.maximum(np.linalg.norm(m, axis=(1, 2)), np.finfo(m.dtype).tiny)
    best = np.argsort(np.linalg.det(m / size[:, None, None]))[-20_000:]
    host = m[best]
    a = place.put(host)
    scipy_polar, against = _polar_peer(place, "one by one")
    return Task(
        name="nearest rotations",
        data="20,000 colour covariances, 3×3",
        ours=lambda: polar(a),
        peer=lambda: scipy_polar(a),
        against=against,
        error=lambda factors: _polar_error(host, *factors),
        measure="worst of |UᵀU − I| and |A − UP|/|A|",
    )


def tall_polar(place: Place) -> Task:
    """Orthonormal features of small colour patches, nearest to the patches themselves."""
    x = patches(photograph("china.jpg"), 6, 3).reshape(-1, 108)[:20_000]
    host = x - x.mean(axis=0)
    a = place.put(host)
    scipy_polar, against = _polar_peer(place, "")
    return Task(
        name="tall polar factor",
        data="6×6 colour patches, 20,000×108",
        ours=lambda: polar(a),
        peer=lambda: scipy_polar(a),
        against=against,
        error=lambda factors: _polar_error(host, *factors),
        measure="worse of |UᵀU − I| and |A − UP|/|A|",
    )


def procrustes(place: Place) -> Task:
    """Which orthogonal map of the 64 pixels undoes a quarter turn, learnt from noisy images."""
    x, y = turned_digits()
    m = x.mT @ y
    a, b = place.put(x), place.put(y)
    align, by_svd = import_module("scipy.linalg").orthogonal_procrustes, _polar_by_svd(place)
    return Task(
        name="orthogonal Procrustes",
        data="digits and turned ones, 1797×64",
        ours=lambda: polar(a.mT @ b, compute_p=False)[0],
        peer=lambda: (align(a, b) if place.on_host else by_svd(a.mT @ b))[0],
        against="scipy.linalg.orthogonal_procrustes" if place.on_host else _BY_SVD,
        error=lambda r: _polar_error(m, r, (r.mT @ m + m.mT @ r) / 2),
        measure="worse of |RᵀR − I| and asymmetry of RᵀXᵀY",
    )


def whitening(place: Place) -> Task:
    """Decorrelate the pixels of colour patches: X = C^(−1/2) of their covariance."""
    x = centred_patches()
    c = x.mT @ x / x.shape[0]
    a = place.put(c)
    power = import_module("scipy.linalg").fractional_matrix_power
    return Task(
        name="whitening",
        data="8×8 colour patches, 192×192",
        ours=lambda: inverse_root(a, 2).x,
        peer=lambda: power(a, -0.5) if place.on_host else _inverse_sqrt_by_svd(a, place),
        against="scipy.linalg.fractional_matrix_power" if place.on_host else _BY_SVD,
        error=lambda x: float(np.linalg.norm(x @ c @ x - np.eye(len(c)))) / len(c) ** 0.5,
        measure="|X C X − I|/√n, C with condition 2e6",
    )


def five_steps(place: Place) -> Task:
    """Make a matrix with the decaying spectrum of real images nearly orthogonal, as Muon does."""
    x = photograph("flower.jpg").mean(axis=-1)
    x = patches(x, 32, 8).reshape(-1, 1024)
    x = x[np.random.default_rng(0).permutation(len(x))[:512]]
    x = x - x.mean(axis=1, keepdims=True)
    a = place.put((x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32))
    return Task(
        name="five Muon-type steps",
        data="512 patches, 512×1024, float32",
        ours=lambda: orthogonalize(a),
        peer=lambda: _muon_loop(a, place),
        against=f"the usual loop of three products with Muon's numbers, {place.backend}",
        error=lambda u: float(abs(np.linalg.svd(u, compute_uv=False) - 1).max()),
        measure="largest |σ − 1|",
    )


TASKS: tuple[Callable[[Place], Task], ...] = (
    nearest_rotations,
    tall_polar,
    procrustes,
    whitening,
    five_steps,
)


def turned_digits() -> tuple[Array, Array]:
    """Return the digits as rows, and the same turned by a quarter and measured with noise."""
    images = digits()
    turned = np.rot90(images, axes=(1, 2))
    noise = np.random.default_rng(0).standard_normal(turned.shape)
    return images.reshape(-1, 64), np.round(turned + 2 * noise).reshape(-1, 64)


def centred_patches() -> Array:
    """Return colour patches of 8×8 pixels as rows, with mean zero."""
    x = patches(photograph("china.jpg"), 8, 4).reshape(-1, 192)
    centred: Array = x - x.mean(axis=0)
    return centred


def _polar_peer(place: Place, how: str) -> tuple[Callable[[Array], Any], str]:
    if not place.on_host:
        return _polar_by_svd(place), _BY_SVD
    return import_module("scipy.linalg").polar, ", ".join(filter(None, ("scipy.linalg.polar", how)))


def _polar_by_svd(place: Place) -> Callable[[Array], tuple[Array, Array]]:
    """Return the polar decomposition that a user of the device would write."""

    def by_svd(a: Array) -> tuple[Array, Array]:
        u, s, vh = place.xp.linalg.svd(a, full_matrices=False)
        return u @ vh, vh.mT @ (s[..., None] * vh)

    return by_svd


def _inverse_sqrt_by_svd(a: Array, place: Place) -> Array:
    u, s, _ = place.xp.linalg.svd(a, full_matrices=False)
    return (u / s**0.5) @ u.mT


def _muon_loop(x: Array, place: Place) -> Array:
    a, b, c = _MUON
    x = x / place.xp.linalg.matrix_norm(x)
    for _ in range(5):
        g = x @ x.mT
        x = a * x + (b * g + c * g @ g) @ x
    return x


def _polar_error(a: Array, u: Array, p: Array) -> float:
    """Worse of non-orthogonality and relative residual in Frobenius norm, worst of the batch."""
    axes = (-2, -1)
    orthogonality = np.linalg.norm(u.mT @ u - np.eye(u.shape[-1]), axis=axes)
    residual = np.linalg.norm(a - u @ p, axis=axes) / np.linalg.norm(a, axis=axes)
    return float(np.maximum(orthogonality, residual).max())


def draw(figure: Any, outcomes: Mapping[str, Outcome]) -> None:
    """Draw times, spectra after five steps, aligned digits and a whitened photograph."""
    figure.suptitle("linalgx.orthogonal on real data", fontsize=15)
    (times, steps), (turned, white) = figure.subplots(2, 2, height_ratios=(1.5, 1))
    bars(times, list(outcomes.values())).set_title("time")
    _draw_steps(steps, outcomes["five Muon-type steps"])
    _draw_digits(turned, outcomes["orthogonal Procrustes"].result)
    _draw_whitened(white, outcomes["whitening"].result)


def _draw_steps(ax: Any, outcome: Outcome) -> None:
    spectrum(outcome.result, ax, label="ours: Polar Express", color=COLORS[0])
    spectrum(outcome.peer_result, ax, label="peer: Muon", color=COLORS[4])
    ax.axhline(1.0, color="0.7", linewidth=1, zorder=0)
    ax.set_ylim(0, 1.3)
    ax.set_title(f"after five steps: {outcome.task.data}")
    ax.legend(loc="lower left")


def _draw_digits(ax: Any, r: Array) -> None:
    """Three rows: digits, turned and noisy ones, and these turned back by the map found."""
    x, y = turned_digits()
    rows = [np.hstack([np.pad(z[k].reshape(8, 8), 1) for k in range(10)]) for z in (x, y, y @ r.mT)]
    ax.imshow(np.vstack(rows), cmap="gray_r", vmin=0, vmax=16)
    ax.set_yticks([4.5, 14.5, 24.5], ["digits", "turned,\nwith noise", "turned\nback"])
    ax.set_xticks([])
    ax.set_title("orthogonal Procrustes finds the turn")


def _draw_whitened(ax: Any, whiten: Array) -> None:
    """Part of the photograph, and what whitening leaves of the middle pixel of each patch."""
    photo = photograph("china.jpg")[120:290, 180:420]
    x = patches(photo, 8, 1)
    middle = slice(3 * (4 * 8 + 4), 3 * (4 * 8 + 4) + 3)
    white = (x.reshape(-1, 192) - x.mean(axis=(0, 1)).ravel()) @ whiten[:, middle]
    white = np.clip(0.5 + white / (6 * white.std()), 0, 1).reshape(*x.shape[:2], 3)
    ax.imshow(np.hstack([photo[4:-3, 4:-3], white]))
    ax.set_axis_off()
    ax.set_title("whitening removes what the neighbours predict")

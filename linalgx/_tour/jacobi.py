"""The tasks of `linalgx.jacobi`: a graded covariance, and many small matrices at once."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from linalgx._tour.data import patches, photograph
from linalgx._tour.picture import bars
from linalgx._tour.task import Outcome, Place, Task
from linalgx.jacobi import eigh
from linalgx.plotting import COLORS
from linalgx.typing import Array


def graded_covariance(place: Place) -> Task:
    """Directions of least variance among measurements in all sorts of units."""
    c = measurements_covariance()
    a = place.put(c)
    precision = _trace_of_inverse(c)
    return Task(
        name="graded covariance",
        data="60 features of tumours",
        ours=lambda: eigh(a),
        peer=lambda: place.xp.linalg.eigh(a),
        against=f"{place.backend}.linalg.eigh",
        error=lambda factors: float(abs(np.sum(1 / factors[0]) / precision - 1)),
        measure="relative error of tr A⁻¹ = Σ 1/λ",
    )


def structure_tensors(place: Place) -> Task:
    """How colours change together around each place of a photograph: its 3×3 covariances."""
    colors = patches(photograph("flower.jpg"), 5, 2).reshape(-1, 25, 3)[:40_000]
    centred = colors - colors.mean(axis=1, keepdims=True)
    host = centred.mT @ centred + 1e-6 * np.eye(3)
    a = place.put(host)
    return Task(
        name="colour covariances",
        data="40,000 patches of a photo, 3×3",
        ours=lambda: eigh(a),
        peer=lambda: place.xp.linalg.eigh(a),
        against=f"{place.backend}.linalg.eigh, batched",
        error=lambda factors: _eigen_error(host, *factors),
        measure="worst of |VᵀV − I| and |AV − VΛ|/|A|",
    )


TASKS: tuple[Callable[[Place], Task], ...] = (graded_covariance, structure_tensors)


def measurements_covariance() -> Array:
    """Return the covariance of 30 measured features and their squares, in their own units."""
    x = import_module("sklearn.datasets").load_breast_cancer().data
    x = np.hstack([x, x * x])
    x = x - x.mean(axis=0)
    c: Array = x.mT @ x / len(x)
    return c


def _trace_of_inverse(c: Array) -> float:
    """Σ 1/λ without eigenvalues: units are taken out, which leaves a harmless matrix."""
    scale = np.sqrt(np.diag(c))
    inverse = np.linalg.inv(np.linalg.cholesky(c / scale / scale[:, None]))
    return float(np.sum((inverse / scale) ** 2))


def _eigen_error(a: Array, w: Array, v: Array) -> float:
    """Worse of non-orthogonality and relative residual in Frobenius norm, worst of the batch."""
    axes = (-2, -1)
    orthogonality = np.linalg.norm(v.mT @ v - np.eye(v.shape[-1]), axis=axes)
    residual = np.linalg.norm(a @ v - v * w[..., None, :], axis=axes)
    return float(np.maximum(orthogonality, residual / np.linalg.norm(a, axis=axes)).max())


def draw(figure: Any, outcomes: Mapping[str, Outcome]) -> None:
    """Draw times, and the eigenvalues that one method finds and the other does not."""
    figure.suptitle("linalgx.jacobi on real data", fontsize=15)
    times, spectrum = figure.subplots(1, 2)
    bars(times, list(outcomes.values())).set_title("time")
    _draw_spectrum(spectrum, outcomes["graded covariance"])


def _draw_spectrum(ax: Any, outcome: Outcome) -> None:
    ours, theirs = (np.sort(r[0])[::-1] for r in (outcome.result, outcome.peer_result))
    index = np.arange(1, len(ours) + 1)
    negative = theirs < 0
    ax.semilogy(index, ours, "o", color=COLORS[0], label="ours")
    peer = outcome.task.against
    ax.semilogy(index[~negative], theirs[~negative], "x", color=COLORS[4], label=peer)
    ax.semilogy(
        index[negative], -theirs[negative], "v", mfc="none", color=COLORS[4],
        label=f"{peer}: {negative.sum()} negative ones, their size",
    )  # fmt: skip
    ax.axhline(np.finfo(float).eps * ours[0], color="0.7", lw=1, zorder=0)
    ax.annotate("eps · λ₁", (1, np.finfo(float).eps * ours[0]), va="bottom", color="0.5")
    ax.set(xlabel="number", ylabel="variance", title="eigenvalues of a covariance")
    ax.legend(loc="upper right")

"""The tasks of `linalgx.transport`: one digit becomes another, colours of another photograph."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from linalgx._tour.data import digits, photograph
from linalgx._tour.picture import bars
from linalgx._tour.task import Outcome, Place, Task
from linalgx.backend import to_numpy
from linalgx.plotting import plan
from linalgx.transport import PointCloudCost, scale, solve
from linalgx.typing import Array

_GOAL = 1e-9
_MOST = 10**5
_LOOP = "Sinkhorn's loop"
_THREE, _EIGHT = 3, 8  # places of a three and an eight in the data
_MEASURE = "|P1 − a|₁ + |Pᵀ1 − b|₁; 1e-9 was asked for"


class Problem(NamedTuple):
    """A transport problem between pixels or colours x and y, all with mass."""

    cost: Array
    a: Array
    b: Array
    x: Array
    y: Array
    epsilon: float


def digit_to_digit(place: Place) -> Task:
    """Move the ink of a three until it is an eight, by squared distances."""
    p = strokes(3 if place.has_sparse else 1)
    c, a, b = (place.put(z) for z in p[:3])
    return Task(
        name="a three to an eight",
        data=f"{len(p.a)} and {len(p.b)} pixels, ε 2e-3",
        ours=lambda: _potentials(solve(c, a, b, epsilon=p.epsilon)),
        peer=lambda: _peer_potentials(c, a, b, p.epsilon, place),
        against=_peer_name(place),
        error=lambda fg: _error(fg, p),
        measure=_MEASURE,
    )


def many_digits(place: Place) -> Task:
    """Transport between many pairs of digits, as for a matrix of distances between images."""
    count = 60 if place.has_sparse else 4
    images = digits().reshape(-1, 64)[: 2 * count]
    masses = images / images.sum(axis=1, keepdims=True)
    one = _squared(*[_pixels(8)] * 2)
    cost = place.put(np.broadcast_to(one, (count, 64, 64)).copy())
    a, b = (place.put(z) for z in (masses[:count], masses[count:]))
    return Task(
        name="pairs of digits",
        data=f"{count} problems, 64×64, ε 0.02",
        ours=lambda: solve(cost, a, b, epsilon=0.02).plan,
        peer=lambda: _one_by_one(one, masses[:count], masses[count:], place),
        against=f"{_peer_name(place)}, pair by pair",
        error=lambda plans: _plan_error(plans, masses[:count], masses[count:]),
        measure="|P1 − a|₁ + |Pᵀ1 − b|₁ of the worst pair",
    )


def colour_transfer(place: Place) -> Task:
    """Give a photograph the colours of another one: all pixels of both, as palettes."""
    p = palettes(14 if place.has_sparse else 3)
    x, y, a, b = (place.put(z) for z in (p.x, p.y, p.a, p.b))
    lazy, stored = PointCloudCost(x, y), place.put(p.cost)
    return Task(
        name="colour transfer",
        data=f"palettes of {len(p.a)} and {len(p.b)}",
        ours=lambda: _potentials(solve(lazy, a, b, epsilon=p.epsilon)),
        peer=lambda: _peer_potentials(stored, a, b, p.epsilon, place),
        against=f"{_peer_name(place)}, stored cost",
        error=lambda fg: _error(fg, p),
        measure=_MEASURE,
    )


def contingency_table(place: Place) -> Task:
    """How often digits of one class are among the neighbours of another, freed of frequencies."""
    table = neighbours()
    a = place.put(table)
    return Task(
        name="scaling a table",
        data="classes of 5 neighbours, 10×10",
        ours=lambda: scale(a).x,
        peer=lambda: _fitted(a, place),
        against="the loop of proportional fitting",
        error=lambda x: float(np.abs(x.sum(0) - 1).sum() + np.abs(x.sum(1) - 1).sum()) / len(x),
        measure="|X1 − 1|₁ + |Xᵀ1 − 1|₁ over the mass",
    )


TASKS: tuple[Callable[[Place], Task], ...] = (
    digit_to_digit,
    many_digits,
    colour_transfer,
    contingency_table,
)


def strokes(factor: int) -> Problem:
    """Return the problem between an enlarged three and eight; only pixels with ink take part."""
    zoom = import_module("scipy.ndimage").zoom
    images = (zoom(digits()[k], factor, order=1, mode="nearest") for k in (_THREE, _EIGHT))
    (x, a), (y, b) = (_inked(image) for image in images)
    return Problem(_squared(x, y), a, b, x, y, 2e-3)


def _inked(image: Array) -> tuple[Array, Array]:
    """Places and masses of the pixels with ink."""
    ink = image.ravel()
    dark = ink > 1e-9 * ink.max()
    return _pixels(len(image))[dark], ink[dark] / ink[dark].sum()


def _pixels(size: int) -> Array:
    """Places of the pixels of a square of side one."""
    places: Array = np.indices((size, size)).reshape(2, -1).mT / (size - 1)
    return places


def palettes(levels: int) -> Problem:
    """Return the problem between the colours of both photographs, gathered in small cubes."""
    (x, a), (y, b) = (_palette(photograph(name), levels) for name in ("china.jpg", "flower.jpg"))
    return Problem(_squared(x, y), a, b, x, y, 0.005)


def _palette(photo: Array, levels: int) -> tuple[Array, Array]:
    """Mean colours of the cubes that occur, and their shares of the pixels."""
    colors = photo.reshape(-1, 3)
    cubes = np.minimum(colors * levels, levels - 1).astype(int) @ [levels**2, levels, 1]
    _, at, counts = np.unique(cubes, return_inverse=True, return_counts=True)
    means = [np.bincount(at, colors[:, k]) / counts for k in range(3)]
    return np.stack(means, axis=1), counts / counts.sum()


def neighbours() -> Array:
    """Count the classes (columns) of the five nearest neighbours of the digits of each class."""
    x = digits().reshape(-1, 64)
    labels = import_module("sklearn.datasets").load_digits().target
    squares = np.sum(x * x, axis=1)
    distances = squares[:, None] + squares - 2 * x @ x.mT
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :5]
    table = np.zeros((10, 10))
    np.add.at(table, (labels[:, None], labels[nearest]), 1)
    return table


def _squared(x: Array, y: Array) -> Array:
    distances: Array = np.sum((x[:, None, :] - y) ** 2, axis=-1)
    return distances


def _potentials(result: Any) -> tuple[Array, Array]:
    return result.f, result.g


def _peer_name(place: Place) -> str:
    return "ot.sinkhorn" if _has_pot(place) else f"{_LOOP}, {place.backend}"


def _has_pot(place: Place) -> bool:
    return place.on_host and find_spec("ot") is not None


def _peer_potentials(
    c: Array, a: Array, b: Array, epsilon: float, place: Place
) -> tuple[Array, Array]:
    """Sinkhorn's iteration as people have it: that of POT, or a loop of two products."""
    log, exp, total = place.xp.log, place.xp.exp, place.xp.sum
    if _has_pot(place):
        options = {"stopThr": _GOAL / len(b) ** 0.5, "numItermax": _MOST}
        _, done = import_module("ot").sinkhorn(a, b, c, epsilon, log=True, warn=False, **options)
        return epsilon * log(done["u"]), epsilon * log(done["v"])
    k, u = exp(-c / epsilon), place.xp.ones_like(a)
    for _ in range(_MOST // 10):
        for _ in range(10):
            v = b / (u @ k)
            u, old = a / (k @ v), u
        if not float(total(place.xp.abs(old / u - 1.0) * a)) > _GOAL:  # |diag(old) K v − a|
            break
    return epsilon * log(old), epsilon * log(v)


def _one_by_one(cost: Array, a: Array, b: Array, place: Place) -> Array:
    """Solve pair by pair; the peers need masses that are positive."""
    plans = np.zeros((len(a), *cost.shape))
    for p, q, out in zip(a, b, plans, strict=True):
        i, j = np.flatnonzero(p), np.flatnonzero(q)
        c = cost[np.ix_(i, j)]
        here = place.put
        f, g = to_numpy(_peer_potentials(here(c), here(p[i]), here(q[j]), 0.02, place))
        out[np.ix_(i, j)] = np.exp((f[:, None] + g - c) / 0.02)
    return plans


def _fitted(a: Array, place: Place) -> Array:
    """Scale rows and columns in turn until both sums are right."""
    x = a
    for _ in range(_MOST):
        x = x / place.xp.sum(x, axis=1)[:, None]
        columns = place.xp.sum(x, axis=0)
        if not float(place.xp.sum(place.xp.abs(columns - 1.0))) > _GOAL * len(a):
            break
        x = x / columns
    return x


def _error(potentials: tuple[Array, Array], p: Problem) -> float:
    """L1 error of both marginals of the plan that potentials stand for."""
    f, g = potentials
    return _plan_error(np.exp((f[:, None] + g - p.cost) / p.epsilon), p.a, p.b)


def _plan_error(plans: Array, a: Array, b: Array) -> float:
    errors = np.abs(plans.sum(-1) - a).sum(-1) + np.abs(plans.sum(-2) - b).sum(-1)
    return float(np.max(errors))


def draw(figure: Any, outcomes: Mapping[str, Outcome]) -> None:
    """Draw times, the plan between two digits, the ink on its way, colours, and the table."""
    figure.suptitle("linalgx.transport on real data", fontsize=15)
    rows = [["times", "times", "plan"], ["moved", "colours", "table"]]
    panels = figure.subplot_mosaic(rows, width_ratios=(1, 1.25, 1))
    bars(panels["times"], list(outcomes.values())).set_title("time")
    f, g = outcomes["a three to an eight"].result
    p = strokes(3)
    mass = np.exp((f[:, None] + g - p.cost) / p.epsilon)
    plan(mass, panels["plan"]).set_title("plan from the three to the eight")
    panels["plan"].set(xlabel="pixels of the eight", ylabel="pixels of the three")
    _draw_moved(panels["moved"], mass, p)
    _draw_colours(panels["colours"], *outcomes["colour transfer"].result)
    _draw_table(panels["table"], outcomes["scaling a table"].result)


def _draw_moved(ax: Any, mass: Array, p: Problem) -> None:
    """Where the ink is at six times, when every part of it moves straight and steadily."""
    i, j = np.nonzero(mass > 1e-4 * mass.max())
    frames = []
    for t in np.linspace(0, 1, 6):
        at = 2 + 23 * ((1 - t) * p.x[i] + t * p.y[j])
        corner, part = np.floor(at).astype(int), at % 1
        frame = np.zeros((28, 28))
        for down in (0, 1):
            for right in (0, 1):
                share = np.abs(1 - down - part[:, 0]) * np.abs(1 - right - part[:, 1])
                np.add.at(frame, (corner[:, 0] + down, corner[:, 1] + right), share * mass[i, j])
        frames.append(frame)
    ax.imshow(np.vstack([np.hstack(frames[:3]), np.hstack(frames[3:])]), cmap="gray_r")
    ax.set_axis_off()
    ax.set_title("ink on its way")


def _draw_colours(ax: Any, f: Array, g: Array) -> None:
    """Both photographs, and each with the colours of the other one."""
    p = palettes(14)
    china, flower = (photograph(name)[::2, ::2] for name in ("china.jpg", "flower.jpg"))
    there, back = _recoloured(china, p.y, g, p.epsilon), _recoloured(flower, p.x, f, p.epsilon)
    ax.imshow(np.vstack([np.hstack([china, flower]), np.hstack([there, back])]))
    ax.set_axis_off()
    ax.set_title("two photographs, and their colours exchanged")


def _recoloured(photo: Array, colors: Array, g: Array, epsilon: float) -> Array:
    """Send each pixel x to the mean of the colours y, weighted by exp((g − |x − y|²)/ε)."""
    lines = []
    for x in photo:
        weights = (g - _squared(x, colors)) / epsilon
        weights = np.exp(weights - weights.max(axis=1, keepdims=True))
        lines.append(weights @ colors / weights.sum(axis=1, keepdims=True))
    return np.clip(np.stack(lines), 0, 1)


def _draw_table(ax: Any, x: Array) -> None:
    plan(x, ax).images[0].set_norm("log")
    ax.set(xlabel="class of a neighbour", ylabel="class of a digit")
    ax.set(xticks=range(10), yticks=range(10), title="who is near to whom, logarithmic")

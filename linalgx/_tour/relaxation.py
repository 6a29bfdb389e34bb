"""The tasks of `linalgx.relaxation`: a heated plate, and equations behind edited photographs."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from linalgx._tour.data import photograph
from linalgx._tour.picture import bars
from linalgx._tour.task import Outcome, Place, Task
from linalgx.gallery import heat2d
from linalgx.plotting import COLORS
from linalgx.relaxation import ChebCB, prepare, solve_sequence, sor, ssor_cg
from linalgx.typing import Array

_TEXTBOOK = "the textbook loop of conjugate gradients, same device"
_GUESS = 1.5
_OMEGAS = (1.2, 1.4, 1.6, 1.8, 1.9)
_DT = 0.02


def heat_equation(place: Place) -> Task:
    """Heat a plate whose conductivity swings: one system a step, and ω is learned on the way."""
    intervals, steps = (80, 50) if place.has_sparse else (8, 10)
    plate = Plate(intervals, steps)
    return Task(
        name="heat equation",
        data=f"{steps} steps, {len(plate.start)} unknowns",
        ours=lambda: plate.with_learned_omega(place),
        peer=lambda: plate.with_cg(place),
        against="scipy.sparse.linalg.cg in each step" if place.on_host else _TEXTBOOK,
        error=lambda run: plate.error(run[0]),
        measure="worst |b − A u|/|b| of all steps",
    )


def seamless_cloning(place: Place) -> Task:
    """Paste a flower by its gradients: a Poisson equation on a disc of pixels."""
    clone = cloning(2, 5, 34 if place.has_sparse else 9)
    a, b = _put(clone.matrix, place), place.put(clone.source)
    relax = partial(sor, ordering=_order(place), rtol=1e-4)
    return Task(
        name="seamless cloning, SOR",
        data=f"a flower, {len(clone.source):,} pixels",
        ours=lambda: relax(a, b).x,
        peer=lambda: relax(a, b, omega=_GUESS).x,
        against=f"our sor with ω = {_GUESS}, not Young's; SciPy has none",
        error=lambda x: _relative_residual(clone.matrix, x, clone.source),
        measure="|b − A x|/|b| of the worst colour",
    )


def edge_preserving_smoothing(place: Place) -> Task:
    """Smooth a photograph but not across edges: (I + L) x = photograph, weights from its edges."""
    photo = photograph("china.jpg")[::2, ::2]
    photo = photo if place.has_sparse else photo[100:112, 100:116]
    matrix, source = smoothing(photo), photo.reshape(-1, 3)
    a, b = _put(matrix, place), place.put(source)
    solve = partial(ssor_cg, ordering=_order(place), rtol=1e-6)
    return Task(
        name="photo smoothing",
        data=f"a photo, {len(source):,} pixels",
        ours=lambda: solve(a, b).x,
        peer=lambda: _cg_by_columns(a, b, 1e-6, place),
        against="scipy.sparse.linalg.cg for each colour" if place.on_host else _TEXTBOOK,
        error=lambda x: _relative_residual(matrix, x, source),
        measure="|b − A x|/|b| of the worst colour",
    )


def single_precision(place: Place) -> Task:
    """Clone a larger flower in single precision, where recurrences believe what is not so."""
    clone = cloning(1, 2, 100 if place.has_sparse else 9)
    matrix, source = clone.matrix.astype(np.float32), clone.source.astype(np.float32)
    a, b = _put(matrix, place), place.put(source)
    solve = partial(ssor_cg, ordering=_order(place), rtol=1e-6)
    return Task(
        name="cloning in float32",
        data=f"a flower, {len(source):,} pixels",
        ours=lambda: solve(a, b).x,
        peer=lambda: _cg_by_columns(a, b, 1e-6, place),
        against="scipy.sparse.linalg.cg for each colour" if place.on_host else _TEXTBOOK,
        error=lambda x: _relative_residual(matrix, x, source),
        measure="|b − A x|/|b|, 1e-6 was asked for",
    )


TASKS: tuple[Callable[[Place], Task], ...] = (
    heat_equation,
    seamless_cloning,
    edge_preserving_smoothing,
    single_precision,
)


class Plate:
    """The heat equation on a square, Crank-Nicolson: (I − B) u_{k+1} = (I + B) u_k + f_k.

    The source runs around in circles. Legend: A = I − B = I + κ L is the matrix of a step.
    """

    def __init__(self, intervals: int, steps: int) -> None:
        self.intervals = intervals
        self.times = _DT * np.arange(steps)
        x, y = np.meshgrid(*[np.arange(1, intervals) / intervals] * 2)
        self.start = _bump(x - 0.5, y - 0.5, 0.25)
        turn = 16 * np.pi * (self.times + _DT / 2)[:, None, None]
        force = _bump(x - 0.5 - np.cos(turn) / 4, y - 0.5 - np.sin(turn) / 4, 0.125)
        self.force = 32 * _DT * force

    @staticmethod
    def conductivity(t: Array) -> Array:
        """κ at the time t."""
        wave = np.sin(2 * np.pi * t)
        return np.maximum(0.1 * wave, -10 * wave)

    def parts(self, place: Place) -> tuple[Any, Array, Array, Array]:
        """Return the matrix for κ = 0, L in the form of its values, κ of each step, and forces."""
        options = {"xp": place.xp, "dt": _DT, "sparse": place.has_sparse, "dtype": place.xp.float64}
        still, moving = (heat2d(self.intervals, kappa=kappa, **options) for kappa in (0.0, 1.0))
        change = moving.data - still.data if place.has_sparse else moving - still
        return still, change, self.conductivity(self.times + _DT / 2), place.put(self.force)

    def with_learned_omega(self, place: Place) -> tuple[Any, ...]:
        """Return all states, and ω and iterations of each step."""
        still, change, kappa, force = self.parts(place)
        rest = still.data if place.has_sparse else still
        matrix, states = prepare(still), [place.put(self.start)]

        def step(k: int, last: Any) -> tuple[Any, ...] | None:
            if last is not None:
                states.append(last.x)
            if k == len(kappa):
                return None
            a, u = matrix.update_values(rest + float(kappa[k]) * change), states[-1]
            return a, 2.0 * u - a @ u + force[k, :], float(kappa[k]), u

        # In colour order, which devices need, two colours have their best ω at 1.
        values = _OMEGAS if place.on_host else [1.0]
        tuner = ChebCB(values, context_bounds=(0.0, 10.0), degree=2, rng=0)
        run = solve_sequence(step, solver=partial(ssor_cg, ordering=_order(place)), tuner=tuner)
        return place.xp.stack(states), run.values, run.costs

    def with_cg(self, place: Place) -> tuple[Array]:
        """Return all states."""
        still, change, kappa, force = self.parts(place)
        states = [place.put(self.start)]
        for k, now in enumerate(kappa.tolist()):
            a, u = _changed(still, now * change, place), states[-1]
            states.append(_cg(a, 2.0 * u - a @ u + force[k, :], u, 1e-8, place))
        return (place.xp.stack(states),)

    def error(self, states: Array) -> float:
        """Largest relative residual of all steps."""
        still, change, kappa, force = self.parts(_HOST)
        worst = 0.0
        for k, (u, new) in enumerate(pairwise(states)):
            a = _changed(still, kappa[k] * change, _HOST)
            b = 2.0 * u - a @ u + force[k]
            worst = max(worst, float(np.linalg.norm(b - a @ new) / np.linalg.norm(b)))
        return worst


_HOST = Place("numpy", np)


def _changed(matrix: Any, change: Array, place: Place) -> Any:
    """Add to the stored values of a matrix."""
    if not place.has_sparse:
        return matrix + change
    new = matrix.copy()
    new.data += change
    return new


def _bump(x: Array, y: Array, radius: float) -> Array:
    """Smooth hill of height one, as vectors over the grid."""
    square = np.minimum((x**2 + y**2) / radius**2, 1 - 1e-12)
    hill = np.exp(1 - 1 / (1 - square))
    return hill.reshape(*hill.shape[:-2], -1)


class Cloning(NamedTuple):
    """A patch to be pasted: A x = b for its pixels x, and the pictures around it."""

    matrix: Any
    source: Array
    rows: Array
    columns: Array
    photo: Array
    pasted: Array


def cloning(coarsen: int, shrink: int, radius: int) -> Cloning:
    """Pose the problem of pasting the flower, `shrink` times smaller, beside itself.

    The pixels of a disc get the gradients of the flower, and meet the photograph at the rim.
    """
    photo = photograph("flower.jpg")[::coarsen, ::coarsen]
    small = photograph("flower.jpg")[::shrink, ::shrink]
    dy, dx = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    inside = dy**2 + dx**2 < (radius - 0.5) ** 2
    dy, dx = dy[inside], dx[inside]
    rows, columns = 190 // coarsen + dy, 104 // coarsen + dx
    from_rows, from_columns = 220 // shrink + dy, 305 // shrink + dx
    number = np.full(photo.shape[:2], -1)
    number[rows, columns] = np.arange(len(dy))
    pasted = small[from_rows, from_columns]
    source, ends = np.zeros((len(dy), 3)), []
    for down, right in ((-1, 0), (0, -1), (0, 1), (1, 0)):
        neighbours = number[rows + down, columns + right]
        source += pasted - small[from_rows + down, from_columns + right]
        rim = neighbours < 0
        source[rim] += photo[rows + down, columns + right][rim]
        ends.append((np.flatnonzero(~rim), neighbours[~rim]))
    i, j = np.hstack(ends)
    matrix = _symmetric(4.0 * np.ones(len(dy)), i, j, -np.ones(len(i)))
    return Cloning(matrix, source, rows, columns, photo, pasted)


def smoothing(photo: Array) -> Any:
    """Return I + L, with L the Laplacian of the pixels, weak across edges."""
    number = np.arange(photo[..., 0].size).reshape(photo.shape[:2])
    pairs = [(number[1:], number[:-1]), (number[:, 1:], number[:, :-1])]
    i, j = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
    colors = photo.reshape(-1, 3)
    weights = 100.0 / (1.0 + (np.abs(colors[i] - colors[j]).max(axis=1) / 0.02) ** 2)
    i, j, weights = np.concatenate([i, j]), np.concatenate([j, i]), np.tile(weights, 2)
    return _symmetric(1.0 + np.bincount(i, weights), i, j, -weights)


def _symmetric(diagonal: Array, i: Array, j: Array, values: Array) -> Any:
    """Return the sparse matrix with these entries."""
    own = np.arange(len(diagonal))
    i, j = np.concatenate([own, i]), np.concatenate([own, j])
    entries = (np.concatenate([diagonal, values]), (i, j))
    return import_module("scipy.sparse").coo_array(entries, shape=(len(own),) * 2).tocsr()


def _order(place: Place) -> str:
    """Rows one after the other on the host, by colours on a device."""
    return "natural" if place.on_host else "multicolor"


def _put(matrix: Any, place: Place) -> Any:
    """Move a sparse matrix; libraries that have none get a dense one."""
    return place.put(matrix if place.has_sparse else matrix.toarray())


def _cg_by_columns(a: Any, b: Array, rtol: float, place: Place) -> Array:
    columns = [_cg(a, b[:, k], place.xp.zeros_like(b[:, k]), rtol, place) for k in range(3)]
    return place.xp.stack(columns, axis=-1)


def _cg(a: Any, b: Array, x: Array, rtol: float, place: Place) -> Array:
    """Conjugate gradients as a user has them: SciPy's, or a loop on the device."""
    if place.on_host:
        return import_module("scipy.sparse.linalg").cg(a, b, x0=x, rtol=rtol)[0]
    norm = place.xp.linalg.vector_norm
    r = b - a @ x
    p, rho, target = r, r @ r, rtol * float(norm(b))
    while float(norm(r)) > target:
        q = a @ p
        alpha = rho / (p @ q)
        x, r = x + alpha * p, r - alpha * q
        rho, old = r @ r, rho
        p = r + (rho / old) * p
    return x


def _relative_residual(a: Any, x: Array, b: Array) -> float:
    """Largest ‖b − A x‖/‖b‖ of the columns, in double precision."""
    a, x, b = (y.astype(np.float64) for y in (a, x, b))
    return float(np.max(np.linalg.norm(b - a @ x, axis=0) / np.linalg.norm(b, axis=0)))


def draw(figure: Any, outcomes: Mapping[str, Outcome]) -> None:
    """Draw times, what was learned, the pasted flower and the smoothed photograph."""
    figure.suptitle("linalgx.relaxation on real data", fontsize=15)
    (times, learned), (pasted, smooth) = figure.subplots(2, 2, height_ratios=(1.3, 1))
    bars(times, list(outcomes.values())).set_title("time")
    _draw_learned(learned, outcomes["heat equation"].result)
    _draw_cloned(pasted, outcomes["seamless cloning, SOR"].result)
    _draw_smoothed(smooth, outcomes["photo smoothing"].result)


def _draw_learned(ax: Any, run: tuple[Any, ...]) -> None:
    _, omegas, iterations = run
    steps = range(1, len(omegas) + 1)
    ax.plot(steps, omegas, "o", color=COLORS[0], markersize=3)
    ax.set(title="heat equation: ω learned on the way", xlabel="time step", ylim=(0.95, 2.0))
    ax.set_ylabel("ω", color=COLORS[0])
    counts = ax.twinx()
    counts.plot(steps, iterations, color=COLORS[1], linewidth=1)
    counts.set_ylabel("iterations", color=COLORS[1])
    counts.set_ylim(0, 2 * max(iterations))


def _draw_cloned(ax: Any, x: Array) -> None:
    """Part of the photograph with the flower pasted as it is, and by its gradients."""
    clone = cloning(2, 5, 34)
    pictures = []
    for pixels in (clone.pasted, np.clip(x, 0, 1)):
        picture = clone.photo.copy()
        picture[clone.rows, clone.columns] = pixels
        pictures.append(picture[30:180, :200])
    ax.imshow(np.hstack(pictures))
    ax.set_axis_off()
    ax.set_title("a flower pasted, and cloned by its gradients")


def _draw_smoothed(ax: Any, x: Array) -> None:
    photo = photograph("china.jpg")[::2, ::2]
    smooth = np.clip(x, 0, 1).reshape(photo.shape)
    ax.imshow(np.hstack([picture[10:190, 20:220] for picture in (photo, smooth)]))
    ax.set_axis_off()
    ax.set_title("a photograph, and smoothed between its edges")

"""Learned relaxation parameters beside the totals of an earlier implementation.

Run as ``python -m benchmarks.peers.relaxation_learning``; ``--jobs 2`` uses two processes. With
``--quick`` fewer and shorter sequences, which only show that everything runs. Exits 1 when a total
is off, or a learner saves less than promised. The full run takes half an hour of one core.

(a) A + c I with the Laplacian A of 10 x 10 points, a random shift c and a random right-hand side
in each of 5000 problems, solved by SOR. The learners see c.
(b) The heat equation on the unit square with a conductivity that changes with time, 5000 steps of
Crank and Nicolson, solved by SSOR-preconditioned CG from the last solution.

Iteration counts do not depend on who chose ω, so one table of counts, for each problem and each of
20 values, serves all learners. The last lines run a learner within the solver, without the table.
"""

import argparse
import platform
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import cos, pi, sin
from time import process_time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import linalgx as lx

GRID = np.linspace(1.0, 1.95, 20)
SHIFTS = (-0.15, 0.65)
BETA = {"high": (0.5, 1.5), "low": (2.0, 6.0)}
# Thousands of sweeps: fixed 1, 1.5, best fixed, Tsallis-INF, five bins, ChebCB, ω* each time.
REFERENCE = {
    "high": (3049.0, 990.0, 516.8, 608.0, 518.0, 333.9, 280.7),
    "low": (1353.0, 408.0, 295.4, 335.5, 319.9, 233.0, 208.7),
}
SHARE = {"high": 0.68, "low": 0.82}  # promised of ChebCB beside the best fixed value
HEAT = {
    "CG": 85422.0,
    "ω = 1": 32793.0,
    "ω = 1.5": 32318.0,
    "best fixed": 29413.0,
    "Tsallis-INF": 31200.0,
    "six bins": 29360.0,
    "ChebCB": 24800.0,
    "best of 20 each step": 24181.0,
    "Young's ω* each step": 24038.0,
}
LEARNERS = ("Tsallis-INF", "five bins", "six bins", "ChebCB")
DT = 1e-3
TRIALS = 10


@dataclass(frozen=True)
class Row:
    """One line: a figure, its reference, and the largest relative difference or size."""

    task: str
    ours: float
    reference: float | None = None
    within: float | None = None
    most: float | None = None

    @property
    def passed(self) -> bool:
        near = self.within is None or abs(self.ours / self.reference - 1.0) <= self.within
        return near and (self.most is None or self.ours <= self.most)

    def __str__(self) -> str:
        known = self.reference is not None
        reference = f"{self.reference:12.5g}" if known else " " * 12
        ratio = f"{self.ours / self.reference:9.3f}" if known else " " * 9
        bar = f"± {100 * self.within:.0f} %" if self.within else ""
        bar = f"≤ {self.most:g}" if self.most else bar
        return f"{self.task:<44}{reference}{self.ours:12.5g}{ratio}{bar:>9}"


def play(tuner: Any, contexts: Any, counts: Any) -> float:
    """Total of a learner that looks its costs up."""
    place = {value: i for i, value in enumerate(tuner.values)}
    total = 0
    for c, row in zip(contexts.tolist(), counts.tolist(), strict=True):
        trial = tuner.ask(c)
        cost = row[place[trial.value]]
        tuner.tell(trial, cost)
        total += cost
    return float(total)


# --- (a) shifted Laplacians ------------------------------------------------------------------


def shifted(kind: str, seed: int, rounds: int) -> Iterator[tuple[Any, Any, float]]:
    """Prepared A + c I, right-hand side and c."""
    rng = np.random.default_rng([seed, len(kind)])
    a = lx.gallery.poisson2d(10)
    prepared = lx.relaxation.prepare(a)
    diagonal = np.repeat(np.arange(100), np.diff(a.indptr)) == a.indices
    for c in (SHIFTS[0] + 0.6 * rng.beta(*BETA[kind], size=rounds)).tolist():
        b = rng.standard_normal(100)
        while np.linalg.norm(b) > 10.0:
            b = rng.standard_normal(100)
        yield prepared.update_values(np.where(diagonal, a.data + c, a.data)), b, c


def learning(task: tuple[str, int, int]) -> tuple[str, dict[str, float]]:
    """Totals of one sequence."""
    kind, seed, rounds = task
    solve = partial(lx.relaxation.sor, criterion="r0", rtol=1e-8)
    young = lx.relaxation.YoungLearner(features=lambda c: (1.0, c))
    counts, contexts, best, learned = [], [], 0, 0
    with threadpool_limits(1):
        for a, b, c in shifted(kind, seed, rounds):
            counts.append([solve(a, b, omega=w).iterations for w in GRID.tolist()])
            omega = lx.relaxation.optimal_omega(4.0 * cos(pi / 11.0) / (4.0 + c))
            best += solve(a, b, omega=omega).iterations
            learned += solve(a, b, omega=young, context=c).iterations
            contexts.append(c)
    table, cs = np.array(counts), np.array(contexts)
    totals = table.sum(axis=0)
    given = {"context_bounds": SHIFTS, "rng": seed}
    return kind, {
        "ω = 1": totals[0],
        "ω = 1.5": table[:, np.argmin(abs(GRID - 1.5))].sum(),
        "best fixed": totals.min(),
        "Tsallis-INF": play(lx.relaxation.TsallisINF(GRID, rng=seed), cs, table),
        "five bins": play(lx.relaxation.BinnedTsallisINF(GRID, bins=5, **given), cs, table),
        "ChebCB": play(lx.relaxation.ChebCB(GRID, **given), cs, table),
        "ω* each time": float(best),
        "Young learner": float(learned),
        "linear Thompson": play(lx.relaxation.ThompsonSampling(GRID, **given), cs, table),
    }


def learning_rows(run: Callable[..., Any], seeds: int, rounds: int, judge: bool) -> Iterator[Row]:
    tasks = [(kind, seed, rounds) for kind in REFERENCE for seed in range(seeds)]
    found = list(run(learning, tasks))
    for kind, reference_totals in REFERENCE.items():
        runs = [totals for name, totals in found if name == kind]
        mean = {name: float(np.mean([r[name] for r in runs])) for name in runs[0]}
        for name, thousands in zip(mean, reference_totals, strict=False):
            within = (0.05 if name in LEARNERS else 0.03) if judge else None
            reference = 1e3 * thousands if judge else None
            yield Row(f"(a) {kind}: {name}", mean[name], reference, within)
        ratios = {
            "ChebCB / best fixed": ("ChebCB", "best fixed", SHARE[kind]),
            "Young learner / ω* each time": ("Young learner", "ω* each time", 1.05),
            "linear Thompson / best fixed": ("linear Thompson", "best fixed", None),
        }
        for name, (ours, other, most) in ratios.items():
            yield Row(f"(a) {kind}: {name}", mean[ours] / mean[other], most=most if judge else None)


# --- (b) the heat equation -------------------------------------------------------------------


def conductivity(t: float) -> float:
    return max(0.1 * sin(2 * pi * t), -10.0 * sin(2 * pi * t))


class Heat:
    """The time steps for one mesh."""

    def __init__(self, intervals: int) -> None:
        self.intervals = intervals
        inner = np.arange(1, intervals) / intervals
        self.x, self.y = (grid.ravel() for grid in np.meshgrid(inner, inner, indexing="ij"))
        self.prepared = lx.relaxation.prepare(lx.gallery.heat2d(intervals, dt=DT))

    def bump(self, x: float, y: float, radius: float) -> Any:
        s = ((self.x - x) ** 2 + (self.y - y) ** 2) / radius**2
        inside = s < 1.0
        return np.where(inside, np.exp(1.0 - 1.0 / (1.0 - np.where(inside, s, 0.0))), 0.0)

    def problem(self, k: int, u: Any) -> tuple[Any, Any, float]:
        """Matrix, right-hand side and context of step k from the solution u."""
        middle = (k + 0.5) * DT
        kappa = conductivity(middle)
        implicit = lx.gallery.heat2d(self.intervals, kappa=kappa, dt=DT)
        explicit = lx.gallery.heat2d(self.intervals, kappa=-kappa, dt=DT)
        angle = 16.0 * pi * middle
        source = 32.0 * self.bump(0.5 + cos(angle) / 4.0, 0.5 + sin(angle) / 4.0, 0.125)
        a = self.prepared.update_values(implicit.data)
        return a, explicit @ u + DT * source, conductivity(k * DT)

    def start(self) -> Any:
        return self.bump(0.5, 0.5, 0.25)

    def radius(self, k: int) -> float:
        """μ of the matrix of step k."""
        q = conductivity((k + 0.5) * DT) * DT * self.intervals**2 / 2.0
        return 4.0 * q * cos(pi / self.intervals) / (1.0 + 4.0 * q)


def heat(task: tuple[int, int]) -> tuple[int, dict[str, float]]:
    """Totals for one mesh; the solution follows ω*, and all others start where it does."""
    intervals, steps = task
    mesh = Heat(intervals)
    u, cg, best = mesh.start(), 0, 0
    counts, contexts = [], []
    with threadpool_limits(1):
        for k in range(steps):
            a, b, c = mesh.problem(k, u)
            solve = partial(lx.relaxation.ssor_cg, a, b, x0=u, rtol=1e-8)
            counts.append([solve(omega=w).iterations for w in GRID.tolist()])
            cg += lx.relaxation.cg(a, b, x0=u, rtol=1e-8).iterations
            done = solve(omega=lx.relaxation.optimal_omega(mesh.radius(k)))
            u, best = done.x, best + done.iterations
            contexts.append(c)
    table, cs = np.array(counts), np.array(contexts)
    given = {"context_bounds": (min(contexts), max(contexts))}
    learn = partial(mean_of_trials, cs, table)
    totals = table.sum(axis=0)
    return intervals, {
        "CG": float(cg),
        "ω = 1": float(totals[0]),
        "ω = 1.5": float(table[:, np.argmin(abs(GRID - 1.5))].sum()),
        "best fixed": float(totals.min()),
        "Tsallis-INF": learn(partial(lx.relaxation.TsallisINF, GRID)),
        "six bins": learn(partial(lx.relaxation.BinnedTsallisINF, GRID, **given)),
        "ChebCB": learn(partial(lx.relaxation.ChebCB, GRID, **given)),
        "best of 20 each step": float(table.min(axis=1).sum()),
        "Young's ω* each step": float(best),
    }


def mean_of_trials(contexts: Any, counts: Any, make: Callable[..., Any]) -> float:
    """Mean total of a learner; its draws alone change it by a per cent."""
    return float(np.mean([play(make(rng=seed), contexts, counts) for seed in range(TRIALS)]))


def heat_live(intervals: int, steps: int) -> Any:
    """ChebCB within the time loop, as a user would run it."""
    mesh = Heat(intervals)
    contexts = [conductivity(k * DT) for k in range(steps)]

    def problems(k: int, previous: Any) -> Any:
        if k == steps:
            return None
        u = mesh.start() if previous is None else previous.x
        return *mesh.problem(k, u), u

    return lx.relaxation.solve_sequence(
        problems,
        solver=partial(lx.relaxation.ssor_cg, rtol=1e-8),
        tuner=lx.relaxation.ChebCB(GRID, context_bounds=(min(contexts), max(contexts)), rng=0),
    )


def heat_rows(
    run: Callable[..., Any], meshes: tuple[int, ...], steps: int, judge: bool
) -> Iterator[Row]:
    for intervals, totals in run(heat, [(intervals, steps) for intervals in meshes]):
        for name, total in totals.items():
            reference = HEAT[name] if intervals == 25 and judge else None
            within = (0.03 if name in LEARNERS else 0.01) if reference else None
            yield Row(f"(b) {intervals} x {intervals}: {name}", total, reference, within)
        share = totals["ChebCB"] / totals["best fixed"]
        most = 0.85 if judge else None
        yield Row(f"(b) {intervals} x {intervals}: ChebCB / best fixed", share, most=most)
    live = heat_live(25, steps)
    reference = HEAT["ChebCB"] if judge else None
    within = 0.03 if judge else None
    total = live.total if live.converged else float("nan")
    yield Row("(b) 25 x 25: ChebCB in the time loop", total, reference, within)


# --- the learners themselves -----------------------------------------------------------------


def overhead_rows(judge: bool) -> Iterator[Row]:
    """Processor time of asking and telling, the least of several repeats."""
    tuners = {
        "Tsallis-INF": (lx.relaxation.TsallisINF(GRID, rng=0), 0.1),
        "ChebCB": (lx.relaxation.ChebCB(GRID, context_bounds=(0.0, 1.0), rng=0), 0.5),
    }
    costs = np.random.default_rng(0).uniform(20.0, 90.0, 500).tolist()
    best = dict.fromkeys(tuners, float("inf"))
    for _ in range(5):
        for name, (tuner, _) in tuners.items():
            start = process_time()
            for k, cost in enumerate(costs):
                tuner.tell(tuner.ask(k % 17 / 16.0), cost)
            best[name] = min(best[name], 1e3 * (process_time() - start) / len(costs))
    for name, (_, most) in tuners.items():
        yield Row(f"ask + tell, {name}, ms", best[name], most=most if judge else None)


# --- the report ------------------------------------------------------------------------------


def report(rows: Iterator[Row]) -> int:
    print(f"Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"\n{'total iterations':<44}{'reference':>12}{'ours':>12}{'ratio':>9}{'bar':>9}")
    missed = []
    for row in rows:
        print(f"{row}{'' if row.passed else '  MISSED'}", flush=True)
        missed += [] if row.passed else [row.task]
    print(f"\n{len(missed)} missed" + (f": {'; '.join(missed)}" if missed else ""))
    return int(bool(missed))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Learned relaxation parameters.")
    parser.add_argument("--quick", action="store_true", help="short sequences, no bars")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seeds", type=int, default=10, help="sequences of part a")
    parser.add_argument("--part", choices=("a", "b"), help="one experiment only")
    options = parser.parse_args(arguments)
    if options.quick:
        seeds, rounds, meshes, steps = 1, 300, (25,), 200
    else:
        seeds, rounds, meshes, steps = options.seeds, 5000, (25, 50, 100), 5000
    judge = not options.quick

    def rows(run: Callable[..., Any]) -> Iterator[Row]:
        yield from overhead_rows(judge)
        if options.part != "b":
            yield from learning_rows(run, seeds, rounds, judge)
        if options.part != "a":
            yield from heat_rows(run, meshes, steps, judge)

    if options.jobs == 1:
        return report(rows(map))
    with ProcessPoolExecutor(options.jobs) as pool:
        return report(rows(pool.map))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

r"""
Learning to relax
=================

Successive over-relaxation goes through the equations of :math:`Ax = b` one by one and corrects one
unknown at a time, a factor :math:`\omega` further than its equation asks for. The right
:math:`\omega` can save nine sweeps out of ten; which one it is depends on the matrix. A simulation
solves thousands of systems whose matrices all differ a little. Why not learn :math:`\omega` on the
way? Nobody says what another :math:`\omega` would have cost, so to learn is to try, and trying
costs sweeps. This is a *bandit* problem, and here are four ways to play it.
"""

import matplotlib.pyplot as plt
import numpy as np

import linalgx as lx

BLUE, RED, GREEN = lx.plotting.COLORS[:3]
T = 1500

# %%
# A sequence of problems
# ----------------------
# The Laplacian on a grid of 10 by 10 points, shifted by a random number: :math:`A_t = A + c_t I`
# with :math:`-0.15 \le c_t \le 0.45`. Small shifts make hard problems, and most shifts are small.
# The *context* :math:`c_t` is known before the solve; some learners will look at it.

rng = np.random.default_rng(0)
laplacian = lx.gallery.poisson2d(10)
identity = lx.gallery.heat2d(11, kappa=0.0)  # with the pattern of the Laplacian
shifts = -0.15 + 0.6 * rng.beta(0.5, 1.5, size=T)
sources = rng.standard_normal((T, 100))
matrix = lx.relaxation.prepare(laplacian)


def problems(every=1):
    for c, b in zip(shifts[::every], sources[::every], strict=True):
        yield matrix.update_values(laplacian.data + c * identity.data), b, c


def play(tuner, every=1):
    """Solve the problems; the tuner chooses ω and is told the number of sweeps."""

    def solver(a, b, *, omega):
        return lx.relaxation.sor(a, b, omega=omega, criterion="r0", rtol=1e-8)

    return lx.relaxation.solve_sequence(problems(every), solver=solver, tuner=tuner)


# %%
# The players
# -----------
# Twenty values of :math:`\omega` from 1 to 1.95. Which of them is the best fixed one, only a
# clairvoyant knows; we find it by playing each on every twentieth problem. Then:
#
# * *Tsallis-INF* sees sweeps only, and is safe in whatever order the problems come;
# * *ChebCB* sees the shift too, and fits the cost of each value by a polynomial in it;
# * the *Young learner* knows the theory: it reads the spectral radius off the residuals, and plays
#   Young's formula;
# * Young's formula itself, with the eigenvalues that we know for this matrix, is the end of the
#   scale.

grid = np.linspace(1.0, 1.95, 20)
best = min(grid.tolist(), key=lambda omega: play(lx.relaxation.Fixed(omega), 20).total)
fixed = {omega: play(lx.relaxation.Fixed(omega)) for omega in (1.5, best)}
bounds = (-0.15, 0.45)
learned = {
    "Tsallis-INF": play(lx.relaxation.TsallisINF(grid, rng=0)),
    "ChebCB": play(lx.relaxation.ChebCB(grid, context_bounds=bounds, rng=0)),
    "Young learner": play(lx.relaxation.YoungLearner(features=lambda c: (1.0, c))),
}


def young(c):
    """Young's ω for the shift c: the diagonal is 4 + c, and the rest as before."""
    return lx.relaxation.optimal_omega(4 * np.cos(np.pi / 11) / (4 + c))


exact = [
    lx.relaxation.sor(a, b, omega=young(c), criterion="r0", rtol=1e-8).iterations
    for a, b, c in problems()
]

# %%
# Who pays what
# -------------
# On the left, the sweeps paid so far. A fixed value is a straight line, and a learner's line bends
# while it learns. On the right, what each learner played for which shift: pale dots at the
# beginning, full ones at the end. The curve is the truth.

runs = {"ω = 1.5": fixed[1.5], f"best fixed, ω = {best:.2f}": fixed[best], **learned}
runs["ω* of each problem"] = exact
palette = ("0.6", "0.3", RED, BLUE, GREEN, "black")

figure = plt.figure(figsize=(11.5, 6.4), layout="constrained")
panels = figure.subplot_mosaic(
    [["total", "Tsallis-INF"], ["total", "ChebCB"], ["total", "Young learner"]],
    width_ratios=(1.35, 1),
)
ax = lx.plotting.regret(runs.values(), panels["total"], labels=runs)
for line, color in zip(ax.get_lines(), palette, strict=True):
    line.set(color=color, linewidth=2)
line.set(linestyle="--", linewidth=1.2)  # the end of the scale, on top of a learner
ax.set(xlabel="problems solved", ylabel="sweeps so far", xlim=(0, T), ylim=(0, None))
ax.legend(loc="upper left")
ax.set_title("the price of learning")
curve = np.linspace(*bounds, 200)
for (name, run), color in zip(learned.items(), palette[2:], strict=False):
    ax = panels[name]
    ax.plot(curve, [young(c) for c in curve], color="black", linewidth=1)
    fade = np.linspace(0.05, 0.8, T)
    ax.scatter(run.contexts, run.values, s=9, color=color, alpha=fade, linewidths=0)
    ax.set_title(f"{name}: {run.total / 1000:.0f} thousand sweeps")
    ax.set(ylabel="ω", ylim=(0.95, 2))
    ax.tick_params(labelbottom=name == "Young learner")
panels["Young learner"].set_xlabel("shift c")

for name, run in runs.items():
    total = sum(run) if isinstance(run, list) else run.total
    print(f"{name:<22}{total / 1000:8.1f} thousand sweeps")

# %%
# The lines of the fixed values show what guessing costs. Tsallis-INF pays for learning at first and
# then runs parallel to the best of them, without having been told anything. ChebCB becomes flatter
# than any fixed value can, because no single value is best for all shifts. And a theory, where one
# exists, is worth more than data: the Young learner needs a handful of problems.
#
# The heat equation
# -----------------
# Now a simulation. A plate is heated by a source that runs around in circles, its conductivity
# :math:`\kappa(t)` swings between 0 and 10, and each step of Crank and Nicolson's scheme solves one
# system. The matrix depends on :math:`\kappa`, and so does the best :math:`\omega` of the
# SSOR-preconditioned conjugate gradient method. The problem at :math:`t` depends on the solution
# before it, so the sequence is a function.

N, DT, STEPS = 25, 1e-3, 2000
still = lx.gallery.heat2d(N, kappa=0.0, dt=DT)
lap = lx.gallery.heat2d(N, kappa=1.0, dt=DT).data - still.data
x, y = np.meshgrid(*[np.arange(1, N) / N] * 2)


def bump(cx, cy, r):
    square = np.minimum(1 - 1e-12, ((x - cx) ** 2 + (y - cy) ** 2) / r**2)
    return np.exp(1 - 1 / (1 - square)).ravel()


def conductivity(t):
    return max(0.1 * np.sin(2 * np.pi * t), -10 * np.sin(2 * np.pi * t))


plate = lx.relaxation.prepare(still)


def step(k, last):
    """Matrix, right-hand side, context and guess of step k."""
    if k == STEPS:
        return None
    u = bump(0.5, 0.5, 0.25) if last is None else last.x
    half = (k + 0.5) * DT
    plate.update_values(still.data + conductivity(half) * lap)
    angle = 16 * np.pi * half
    force = 32 * bump(0.5 + np.cos(angle) / 4, 0.5 + np.sin(angle) / 4, 0.125)
    return plate, 2 * u - plate @ u + DT * force, conductivity(k * DT), u


def simulate(tuner):
    return lx.relaxation.solve_sequence(step, solver=lx.relaxation.ssor_cg, tuner=tuner)


heat = {
    "ω = 1": simulate(lx.relaxation.Fixed(1.0)),
    "ω = 1.4, the best fixed": simulate(lx.relaxation.Fixed(1.4)),
    "ChebCB": simulate(lx.relaxation.ChebCB(context_bounds=(0, 10), rng=0)),
}
figure, panels = plt.subplots(2, 1, figsize=(9, 5.6), layout="constrained", sharex=True)
above, below = panels
lx.plotting.regret(heat.values(), above, labels=heat)
above.set(xlabel="", ylabel="iterations so far")
above.legend()
below.scatter(range(STEPS), heat["ChebCB"].values, s=6, color=GREEN, linewidths=0)
below.set(xlabel="time step", ylabel="ω played by ChebCB", ylim=(0.95, 2))
swing = below.twinx()
swing.plot([conductivity(k * DT) for k in range(STEPS)], color="0.7", linewidth=1)
swing.set_ylabel("conductivity", color="0.5")
plt.show()

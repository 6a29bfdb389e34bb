r"""
Why Sinkhorn slows down
=======================

Entropic transport moves masses :math:`a` to masses :math:`b` with the plan
:math:`P_{ij} = e^{(f_i + g_j - C_{ij})/\varepsilon}`. Sinkhorn's iteration corrects :math:`f` such
that the row sums are right, then :math:`g` such that the column sums are, and so on. It is five
lines of code, and for large :math:`\varepsilon` it needs ten sweeps. But a large
:math:`\varepsilon` blurs the plan, and as it falls the iteration slows down: tens of sweeps become
tens of thousands. Here is why, how to predict it, and what Newton's method does instead.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

import linalgx as lx

warnings.simplefilter("ignore", lx.ConvergenceWarning)  # some runs below are cut short on purpose
COLORS = lx.plotting.COLORS

SIDE = 16
a, b = lx.gallery.blob_images(2, SIDE, rng=0).reshape(2, -1)
pixels = np.indices((SIDE, SIDE)).reshape(2, -1).T
C = np.sum((pixels[:, None, :] - pixels) ** 2, axis=-1) / (2 * (SIDE - 1) ** 2)


def solve(epsilon, method, maxiter=3000):
    return lx.transport.solve(C, a, b, epsilon=epsilon, method=method, maxiter=maxiter)


# %%
# Smaller ε, sharper plan
# -----------------------
# Two images of a few bumps, 256 pixels each, and squared distances with maximum one. On top the
# plans, on the same scale of :math:`\varepsilon` as all that follows.

epsilons = (1e-1, 1e-2, 1e-3)
figure, panels = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
for epsilon, ax in zip(epsilons, panels, strict=True):
    result = solve(epsilon, "auto")
    lx.plotting.plan(result, ax)
    ax.set_title(f"ε = {epsilon:g}, cost {result.cost:.4f}")

# %%
# The rate is a singular value
# ----------------------------
# Close to the solution, :math:`f` and :math:`g` take turns at solving a linear system with the
# matrix
#
# .. math:: \begin{pmatrix} \mathrm{diag}(a) & P \\ P^T & \mathrm{diag}(b) \end{pmatrix},
#
# and taking turns is the method of Gauss and Seidel with two blocks. Let
# :math:`Q = \mathrm{diag}(a)^{-1/2}\, P\, \mathrm{diag}(b)^{-1/2}`. Its largest singular value is
# one and belongs to the constant that may be added to :math:`f` and taken from :math:`g`; it does
# no harm. The next one decides: a sweep multiplies the error by :math:`\sigma_2^2`.
#
# A plan that is blurred everywhere has :math:`\sigma_2 \approx 0`. A sharp plan nearly falls
# apart into pieces that exchange no mass; what has to flow between them takes many sweeps, and
# :math:`\sigma_2` is close to one.


def predicted(result):
    """σ₂² of the normalized plan."""
    q = result.plan / np.sqrt(a[:, None] * b)
    return np.linalg.svd(q, compute_uv=False)[1] ** 2


def measured(history):
    """Factor of a sweep, the mean of the last quarter."""
    k = len(history) // 4
    return (history[-1] / history[-1 - k]) ** (1 / k)


epsilons = np.geomspace(1e-1, 1e-3, 9)
theory = [predicted(solve(epsilon, "auto")) for epsilon in epsilons]
sweeps = [solve(epsilon, "sinkhorn") for epsilon in epsilons]
newton = [solve(epsilon, "newton") for epsilon in epsilons]
practice = [measured(result.history) for result in sweeps]

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.loglog(epsilons, 1 - np.array(theory), color="0.6", linewidth=4, label="theory, 1 − σ₂²")
left.loglog(epsilons, 1 - np.array(practice), "o", color=COLORS[0], label="measured")
left.set(xlabel="ε", ylabel="1 − factor of a sweep", title="how much error a sweep removes")
left.legend()
needed = np.log(1e-9) / np.log(theory)
right.loglog(epsilons, needed, color="0.6", linewidth=4, label="ln 1e-9/ln σ₂²")
right.loglog(epsilons, [r.iterations for r in sweeps], "o", color=COLORS[0], label="Sinkhorn")
right.loglog(epsilons, [r.iterations for r in newton], "s", color=COLORS[1], label="Newton, steps")
right.set(xlabel="ε", ylabel="iterations to 1e-9", title="and how many that makes")
right.legend()
for epsilon, rate, found, run in zip(epsilons, theory, practice, sweeps, strict=True):
    print(f"ε {epsilon:.0e}   σ₂² {rate:.5f}   measured {found:.5f}   {run.iterations} sweeps")

# %%
# What Newton does about it
# -------------------------
# The two-block system above can be solved at once, instead of by turns: that is Newton's method on
# the equations of the marginals. Where it converges it squares the error, whatever
# :math:`\sigma_2` is; the slow exchange between pieces has become the condition of a linear
# system, which conjugate gradients feel as :math:`1/\sqrt{1-\sigma_2^2}`. Two things stand in the
# way. Far from the solution the steps are useless, hence :math:`\varepsilon` is lowered in stages,
# each started from what the last two suggest. And the system is dense, but the plan is not: sharp
# plans have few entries that matter, so the smaller :math:`\varepsilon`, the cheaper the step.
#
# All methods of the family at :math:`\varepsilon` = 1e-3, by iterations. These are not equally
# dear: a Newton step costs tens of sweeps, and one of Greenkhorn's iterations stands for as many
# updates of single rows and columns as a sweep has. The teeth of ``newton`` and ``mdot`` are the
# stages: each time :math:`\varepsilon` falls, the error jumps up, and is squared away again.

EPSILON = 1e-3
groups = {
    "sweeps and gradients": ("sinkhorn", "overrelaxed", "anderson", "greenkhorn", "apdagd"),
    "Newton's method": ("newton", "mdot", "sinkhorn_newton", "ssns", "splr", "sns"),
}
runs = {m: solve(EPSILON, m, 1500) for names in groups.values() for m in names}

figure, panels = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True, layout="constrained")
for (title, names), ax in zip(groups.items(), panels, strict=True):
    for name in names:
        lx.plotting.history(runs[name], ax, label=name)
    for line in ax.get_lines():
        line.set(markersize=0 if len(line.get_xdata()) > 100 else 3)
    ax.axhline(1e-9, color="0.7", linewidth=1, zorder=0)
    ax.set(title=f"{title}, ε = {EPSILON:g}", ylabel="marginal error", ylim=(1e-13, 10))
    ax.legend()
panels[1].set(xscale="log", ylabel="")
panels[1].xaxis.set_major_formatter("{x:.0f}")

# %%
# When neither is the right tool
# ------------------------------
# Whoever wants the plan without entropy should not send :math:`\varepsilon` to zero but solve the
# linear program: with some thousand points a network simplex is fast and exact, and equal masses
# on as many points are an assignment problem, for which SciPy has a solver. What entropy is for is
# a plan that is smooth in the data, with gradients, batches, and costs that need no matrix. The
# bounds in every result say how far the two problems are apart.

from scipy.optimize import linear_sum_assignment

cost = lx.gallery.assignment_cost(200, rng=0)
rows, columns = linear_sum_assignment(cost)
exact = cost[rows, columns].mean()
for epsilon in (1e-2, 1e-3, 1e-4):
    result = lx.transport.solve(cost, epsilon=epsilon)
    print(
        f"ε {epsilon:.0e}: cost {result.cost:.6f}, "
        f"optimum {exact:.6f} in [{result.lower_bound:.6f}, {result.upper_bound:.6f}]"
    )
plt.show()

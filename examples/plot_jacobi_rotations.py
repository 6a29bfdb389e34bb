r"""
Jacobi's rotations, sweep by sweep
==================================

In 1846 Jacobi computed eigenvalues by rotating two coordinates at a time: the angle is chosen such
that one entry :math:`B_{pq}` off the diagonal becomes zero. The next rotation fills it again, but
with something smaller, and after a few sweeps over all pairs the matrix is diagonal. In which
*order* should the pairs be treated? Rows one after the other are the classical choice. Pairs drawn
at random have something that no fixed order has: one knows, exactly, how fast they converge.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

import linalgx as lx

warnings.simplefilter("ignore", lx.ConvergenceWarning)  # runs are cut short on purpose
COLORS = lx.plotting.COLORS

N = 16
PAIRS = N * (N - 1) // 2  # in one sweep
g = np.random.default_rng(0).standard_normal((2 * N, N))
A = g.T @ g / N

# %%
# What is left off the diagonal
# -----------------------------
# A random covariance matrix, as it becomes diagonal. Colours are powers of ten; pale is as small as
# rounding errors. Above, all pairs by rows: the first sweeps do little, and then each squares what
# is left, so that 1e-2 becomes 1e-4, 1e-8, 1e-16. Below, as many pairs for each sweep, but drawn at
# random. There is no such end: some pairs have not been drawn yet, they stand out as dark spots,
# and only time helps.

RULES = {
    "cyclic": ("by rows", 1, (0, 2, 3, 4, 5, 6)),
    "uniform": ("random pairs", PAIRS, (0, 3, 6, 9, 12, 15)),
}


def diagonalized(pivoting, iterations):
    """VᵀAV after some iterations."""
    v = lx.jacobi.eigh(A, pivoting=pivoting, maxiter=iterations, rng=0).v
    return v.T @ A @ v


def picture(b):
    """log₁₀ of the entries beside their diagonal entries, the diagonal left out."""
    d = np.sqrt(np.diagonal(b))
    size = np.log10(np.maximum(np.abs(b / d / d[:, None]), 1e-17))
    np.fill_diagonal(size, np.nan)
    return size


colors = plt.get_cmap("magma_r").with_extremes(bad="0.85")
figure, panels = plt.subplots(2, 6, figsize=(11, 4.2), layout="constrained")
for row, (rule, (label, sweep, counts)) in zip(panels, RULES.items(), strict=True):
    for count, ax in zip(counts, row, strict=True):
        image = ax.imshow(picture(diagonalized(rule, count * sweep)), colors, vmin=-16, vmax=0)
        ax.set(xticks=[], yticks=[], title=f"{count} sweeps")
    row[0].set_ylabel(label)
figure.colorbar(image, ax=panels, label="log₁₀ |entry|", shrink=0.8)

# %%
# A quantity that falls at a known rate
# -------------------------------------
# Let :math:`\Gamma(B) = \mathrm{tr}(B \circ B^{-1} - I)`, which is zero for diagonal matrices only
# (``lx.jacobi.potential``). Make a pair :math:`p, q` diagonal. Outside of the pair the diagonals of
# :math:`B` and :math:`B^{-1}` stay as they are; inside, only the trace of the product of two
# diagonal 2 × 2 blocks remains, and that is the trace of :math:`B_{JJ} (B^{-1})_{JJ}` from before.
# What :math:`\Gamma` loses is therefore :math:`-2\,\mathrm{Re}\, B_{pq} (B^{-1})_{qp}`, and as all
# entries of :math:`B \circ B^{-T}` add up to :math:`n`, the mean over all pairs is
#
# .. math:: \mathbf{E}\,\Gamma' = \Bigl(1 - \frac{2}{n(n-1)}\Bigr)\,\Gamma,
#
# an equation, not a bound. A sweep's worth of random pairs divides :math:`\Gamma` by
# :math:`\mathrm e = 2.718\ldots`, on average, whatever the matrix. So do :math:`n - 1` rounds of
# random perfect matchings, :math:`1 - 1/(n-1)` each, whose pairs can be rotated all at once.


def watched(every, **options):
    """Γ after every so many iterations."""
    seen = []

    def look(state):
        if state.k % every == 0:
            seen.append(float(lx.jacobi.potential(state.x)))

    lx.jacobi.eigh(A, callback=look, **options)
    return np.array(seen)


def average(runs):
    """Mean of runs of different length; those that are over stay where they are."""
    longest = max(map(len, runs))
    return np.mean([np.pad(run, (0, longest - len(run)), mode="edge") for run in runs], axis=0)


RANDOM = {"uniform": PAIRS, "matching": N - 1}  # iterations in the work of one sweep
LAST = 16
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
for color, rule in zip(COLORS, ("cyclic", "tournament", "permutation"), strict=False):
    left.semilogy(watched(1, pivoting=rule, rng=0), "o-", color=color, label=rule)
for color, (rule, sweep) in zip(COLORS[3:], RANDOM.items(), strict=False):
    every = sweep // 4
    runs = [watched(every, pivoting=rule, maxiter=LAST * sweep, rng=seed) for seed in range(8)]
    for run in runs:
        right.semilogy(np.arange(len(run)) * every / sweep, run, color=color, lw=0.6, alpha=0.6)
    mean = average(runs)
    right.semilogy(np.arange(len(mean)) * every / sweep, mean, color=color, lw=2.5, label=rule)
sweeps = np.linspace(0, LAST, 50)
start = float(lx.jacobi.potential(A))
for ax, title in ((left, "every pair once a sweep"), (right, "pairs and rounds at random")):
    ax.semilogy(sweeps, start * np.exp(-sweeps), "--", color="0.3", label="theory, 1/e a sweep")
    ax.set(xlabel="sweeps", title=title, ylim=(1e-18, 10 * start))
    ax.legend(loc="lower left")
left.set(ylabel="potential Γ", xlim=(0, 8))

# %%
# Thick lines are averages of eight runs, thin ones the runs themselves. The average stays on the
# line while pairs that have not been drawn decide: a share 1/e of them is left after each sweep. In
# the end each run falls off, when its last pair has been drawn, and eight runs are too few to
# contain the rare ones that still wait; it is those that keep the true mean on the line. Orders
# that miss no pair are faster, but for none of them is an exact rate known.
#
# One line for four factorizations
# --------------------------------
# Nowhere did we use that the pair was *rotated*. A triangular matrix
# :math:`\begin{pmatrix} 1 & -c \\ 0 & 1 \end{pmatrix}` makes it diagonal as well, and the product
# of all of them is triangular, too: this is the Cholesky decomposition, in random order. On the
# columns of a matrix, with :math:`B = A^T A`, rotations give the singular value decomposition and
# triangular matrices the QR decomposition by Gram-Schmidt. Four algorithms, one rate. Here for
# :math:`B_{ij} = 2^{-|i-j|}`, n = 16, which has :math:`\Gamma = 10` exactly.

i = np.arange(16)
B = 0.5 ** np.abs(i[:, None] - i)
ROOT = np.linalg.cholesky(B).T  # its columns have B as their matrix of inner products


def by_eigh(**options):
    v = lx.jacobi.eigh(B, **options).v
    return v.T @ B @ v


def by_svd(**options):
    u = lx.jacobi.svd(ROOT, **options).u
    return u.T @ u


def by_cholesky(**options):
    return lx.jacobi.cholesky(B, **options).b


def by_qr(**options):
    q = lx.jacobi.qr(ROOT, **options).q
    return q.T @ q


MEMBERS = {"eigh": by_eigh, "svd": by_svd, "cholesky": by_cholesky, "qr": by_qr}
sweeps = np.arange(5)


def means(left_over):
    """Γ after 0, 1, ..., 4 sweeps of 120 random pairs, the mean of 25 runs, beside the first."""
    found = [
        [
            lx.jacobi.potential(left_over(pivoting="uniform", maxiter=120 * count, rng=seed))
            for count in sweeps.tolist()
        ]
        for seed in range(25)
    ]
    return np.mean(found, axis=0) / np.mean(found, axis=0)[0]


figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for color, marker, (name, left_over) in zip(COLORS, "os^v", MEMBERS.items(), strict=False):
    mean = means(left_over)
    ax.semilogy(sweeps, mean, marker, color=color, ms=7, alpha=0.8, label=name)
    print(f"{name:9}Γ after 360 random pairs: {mean[3]:.3f} of that at the start")
theory = (1 - 1 / 120) ** (120 * sweeps)
print(f"theory   (1 − 1/120)³⁶⁰ = {theory[3]:.3f}")
ax.semilogy(sweeps, theory, "--", color="0.3", lw=2, zorder=0, label="theory")
ax.set(xlabel="sweeps of 120 random pairs", ylabel="Γ beside the start, mean of 25 runs")
ax.set_xticks(sweeps)
ax.legend()
plt.show()

r"""
A first tour of the polar factor
================================

Every complex number is a length times a direction, :math:`z = r e^{i\varphi}`. Every square matrix
is the same,

.. math:: A = U P,

where :math:`P` is symmetric positive semidefinite and stretches along orthogonal axes, and
:math:`U` is orthogonal: it turns, and perhaps reflects. This is the polar decomposition. It is used
wherever a matrix ought to be a rotation and is not quite one: measured orientations, deformed
bodies, aligned point clouds, gradients of a neural network.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import scipy.linalg
from matplotlib.patches import Polygon

import linalgx as lx

BLUE, RED, GREEN, PURPLE, ORANGE = lx.plotting.COLORS[:5]

# %%
# Stretch, then turn
# ------------------
# Take a matrix that shears and turns the plane, and ask for its factors.

a = np.array([[0.3, -0.4], [1.25, 0.65]])
u, p = lx.orthogonal.polar(a)
print("U =", u, "P =", p, "UP - A =", u @ p - a, sep="\n")

# %%
# The stretch acts along two perpendicular axes, the eigenvectors of *P*. Points on these axes keep
# their direction; all others are bent. The turn then moves everything rigidly.

glyph = np.array(
    [(-3, -4), (-1, -4), (-1, -1), (2, -1), (2, 1), (-1, 1), (-1, 3), (3, 3), (3, 5), (-3, 5)]
)
glyph = (glyph - (0, 0.5)) / 6
t = np.linspace(0, 2 * np.pi, 200)
circle = np.column_stack([np.cos(t), np.sin(t)])
stretches, axes_of_p = np.linalg.eigh(p)

figure, panels = plt.subplots(1, 3, figsize=(11, 4), layout="constrained", sharex=True, sharey=True)
stages = {"start": np.eye(2), "P: stretched": p, "U P: and turned": u @ p}
for ax, (title, m) in zip(panels, stages.items(), strict=True):
    ax.add_patch(Polygon(glyph @ m.T, color=BLUE, alpha=0.8, linewidth=0))
    ax.plot(*(m @ circle.T), color="0.5", linewidth=1)
    for axis, color in zip(axes_of_p.T, (RED, GREEN), strict=True):
        end = m @ axis
        ax.plot(*np.column_stack([-end, end]), color=color, linewidth=2)
    ax.set(title=title, aspect="equal", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6))
    ax.axis("off")
figure.suptitle(f"stretches {stretches[1]:.2f} and {stretches[0]:.2f}, ellipse axes in colour")

# %%
# The nearest rotation
# --------------------
# Of all orthogonal matrices, *U* is the one closest to *A*, in every unitarily invariant norm.
# In the plane we can try them all.

angles = np.linspace(-np.pi, np.pi, 721)
c, s = np.cos(angles), np.sin(angles)
rotations = np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)
distance = np.linalg.norm(rotations - a, axis=(1, 2))
found = np.arctan2(u[1, 0], u[0, 0])

figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.plot(np.degrees(angles), distance, color=BLUE, label="all rotations")
ax.plot(np.degrees(found), np.linalg.norm(u - a), "o", color=RED, markersize=9, label="U of polar")
ax.set(xlabel="angle of the rotation, degrees", ylabel="distance from A (Frobenius)")
ax.set_xticks(range(-180, 181, 60))
ax.legend(loc="lower left")

# %%
# An attitude that does not drift
# -------------------------------
# A gyroscope reports small turns, and software multiplies them up. Rounding makes the product a
# little less orthogonal each time; in single precision and with ten thousand updates one can
# watch it. The cure is a polar factor now and then: it costs about a microsecond, and being the
# nearest rotation it changes as little as possible. Here 100 bodies turn at once; all functions of
# the library work on stacks of matrices.

rng = np.random.default_rng(0)
axis = rng.standard_normal((100, 3))
x, y, z = (0.02 * axis / np.linalg.norm(axis, axis=1, keepdims=True)).T
o = np.zeros_like(x)
spin = np.stack([np.stack(r, -1) for r in ((o, -z, y), (z, o, -x), (-y, x, o))], -2)
turn = np.linalg.inv(np.eye(3) - spin / 2) @ (np.eye(3) + spin / 2)  # Cayley: a rotation
turn = turn.astype(np.float32)


def drift(steps, repair_every):
    """Largest ‖QᵀQ − I‖ over all bodies, every 50 updates."""
    q, errors = np.broadcast_to(np.eye(3, dtype=np.float32), turn.shape), []
    for k in range(1, steps + 1):
        q = turn @ q
        if k % repair_every == 0:
            q = lx.orthogonal.polar(q, compute_p=False)[0]
        if k % 50 == 0:
            errors.append(np.linalg.norm(q.mT @ q - np.eye(3), axis=(1, 2)).max())
    return errors


figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
updates = np.arange(50, 10_001, 50)
ax.loglog(updates, drift(10_000, 100_000), color=ORANGE, label="products only")
ax.loglog(updates, drift(10_000, 50), color=BLUE, label="a polar factor every 50 updates")
ax.axhline(np.finfo(np.float32).eps, color="0.6", linestyle="--", linewidth=1)
ax.text(55, 1.3e-7, "eps", color="0.4")
ax.set(xlabel="update", ylabel=r"$\|Q^TQ - I\|$, worst body")
ax.legend()

# %%
# Five ways to compute it
# -----------------------
# ``method="svd"`` takes the factors of the singular value decomposition apart; the others iterate
# on the matrix itself and differ in how fast they bring small singular values to 1 and in which
# operations they need. On a matrix with condition number :math:`10^8`:

METHODS = ("newton", "qdwh", "zolo", "polar_express")
COLOR = {"svd": BLUE} | dict(zip(METHODS, (ORANGE, RED, GREEN, PURPLE), strict=True))
hard = lx.gallery.randsvd(200, cond=1e8, rng=0)

figure, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
for method in METHODS:
    residuals = []
    lx.orthogonal.polar(hard, method=method, callback=lambda s, r=residuals: r.append(s.residual))
    lx.plotting.history(residuals, ax, label=method, color=COLOR[method])
ax.legend()

# %%
# Zolotarev's rational functions need two iterations, whatever the matrix; QDWH up to six, scaled
# Newton up to nine. The polynomials of Polar Express use matrix products only and pay with many
# more steps. (Where a line ends early, one more step that needs no residual finishes the work.)
# On one processor core the SVD is faster than all of them; they are made for hardware on which
# products, QR and Cholesky run much better than an SVD.
#
# How exact is it?
# ----------------
# Textbook matrices that make trouble: singular or nearly so, badly scaled, of half the rank. Two
# numbers matter. *U* must be orthogonal, and the product *UP* must be *A*; both to a few times
# the unit roundoff, whatever the condition number. What an iteration returns is checked, and where
# it failed the SVD steps in. For comparison, in black, SciPy.

n = 200
MATRICES = {
    "random, κ = 1e2": lx.gallery.randsvd(n, cond=1e2, rng=0),
    "random, κ = 1e15": lx.gallery.randsvd(n, cond=1e15, rng=0),
    "Hilbert": lx.gallery.hilbert(n),
    "Kahan": lx.gallery.kahan(n),
    "Frank": lx.gallery.frank(n),
    "Vandermonde": lx.gallery.vandermonde(n),
    "half rank": lx.gallery.triu_ones(n, rank=n // 2),
    "graded rows": lx.gallery.graded(n, rng=0),
}
decompositions = {"scipy.linalg.polar": scipy.linalg.polar} | {
    method: partial(lx.orthogonal.polar, method=method) for method in ("svd", *METHODS)
}
figure, panels = plt.subplots(1, 2, figsize=(11, 5), layout="constrained", sharey=True)
for row, (method, decompose) in enumerate(decompositions.items()):
    errors = [lx.testing.polar_errors(m, *decompose(m)) for m in MATRICES.values()]
    places = np.arange(len(MATRICES)) + (row - 2.5) * 0.12
    for ax, values in zip(panels, np.array(errors).T, strict=False):
        ax.plot(values, places, "o", color=COLOR.get(method, "k"), label=method, markersize=6)
for ax, name in zip(panels, ("orthogonality of U", "backward error of U P"), strict=True):
    ax.set(xscale="log", xlim=(0.1, 100), xlabel="units of eps", title=name)
    ax.grid(axis="x", color="0.9")
    ax.hlines(np.arange(len(MATRICES) - 1) + 0.5, 0.1, 100, color="0.9", linewidth=1)
panels[0].set_yticks(range(len(MATRICES)), MATRICES)
panels[0].invert_yaxis()
panels[1].legend(loc="upper left", fontsize=8)
plt.show()

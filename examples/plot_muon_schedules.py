r"""
How Muon-type schedules act on the spectrum
===========================================

The optimizer Muon replaces a gradient :math:`G = W \Sigma V^H` by something close to its polar
factor :math:`W V^H`: it wants all singular values to be one. It does so with five steps

.. math:: X \leftarrow a X + b\,(X X^H) X + c\,(X X^H)^2 X,

matrix products only, so that a GPU is fast at them. A step leaves the singular vectors alone and
sends each singular value :math:`\sigma` to :math:`p(\sigma) = a\sigma + b\sigma^3 + c\sigma^5`. To
understand a *schedule*, a list of triples :math:`(a, b, c)`, it is enough to look at functions of
one variable. That is what we do here, and then we check that a matrix agrees.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import linalgx as lx

# %%
# Four schedules
# --------------
# *Newton-Schulz* is the classical choice: it converges, to full precision if one lets it.
# *Muon* uses one triple with a steep slope at 0; it does not converge at all. *You* changes the
# triple at each step. *Polar Express* computes the best triple for each step: the one that brings
# the worst singular value of an interval as close to 1 as possible.

SCHEDULES = {
    "newton_schulz5": np.tile([15 / 8, -10 / 8, 3 / 8], (5, 1)),
    "muon": np.tile([3.4445, -4.7750, 2.0315], (5, 1)),
    "you": np.array(
        [
            [4.0848, -6.8946, 2.9270],
            [3.9505, -6.3029, 2.6377],
            [3.7418, -5.5913, 2.3037],
            [2.8769, -3.1427, 1.2046],
            [2.8366, -3.0525, 1.2012],
        ]
    ),
    "polar_express": lx.orthogonal.polar_express_coefficients(5, lower=1e-3),
}
TITLES = {
    "newton_schulz5": "Newton-Schulz",
    "muon": "Muon",
    "you": "You",
    "polar_express": "Polar Express",
}
COLOR = dict(zip(SCHEDULES, lx.plotting.COLORS, strict=False))


def scalar_map(triples, sigma):
    """Apply the steps to singular values instead of to a matrix."""
    for a, b, c in triples:
        sigma = sigma * (a + b * sigma**2 + c * sigma**4)
    return sigma


# %%
# Five steps, seen as one function
# --------------------------------
# The matrix is first divided by its Frobenius norm, so all singular values lie in :math:`[0, 1]`,
# and most of them are small: of 512 equal ones each would be 0.044. What counts is therefore how
# far *down* a schedule reaches. Near zero the composed map is a line whose slope is the product
# of the coefficients *a*. The shaded band is where it sends the interval :math:`[0.005, 1]`.

sigma = np.geomspace(1e-4, 1, 20_000)
figure, axes = plt.subplots(2, 2, figsize=(11, 6.4), layout="constrained", sharex=True, sharey=True)
for ax, (name, triples) in zip(axes.flat, SCHEDULES.items(), strict=True):
    composed = scalar_map(triples, sigma)
    low, high = composed[sigma >= 0.005].min(), composed[sigma >= 0.005].max()
    ax.fill_between([0.005, 1], low, high, color=COLOR[name], alpha=0.15, linewidth=0)
    ax.axhline(1, color="0.7", linewidth=1, zorder=0)
    ax.semilogx(sigma, composed, color=COLOR[name], linewidth=1.2)
    ax.text(1.2e-4, 1.1, f"slope at zero {np.prod(triples[:, 0]):.0f}", fontsize=10)
    ax.set(title=f"{TITLES[name]}: band from {low:.2f} to {high:.2f}", ylim=(0, 1.3))
figure.supxlabel("singular value before")
figure.supylabel("after five steps")

# %%
# Newton-Schulz is exact near 1 and far too small below 0.02. Muon reaches twenty times further
# down and pays with errors of up to a third everywhere. *You* reaches as far as Muon and is far
# more exact on all but the smallest values. Polar Express was asked for the interval from 0.001
# on, and spreads its error evenly over all of it: equal extremes are the signature of a best
# approximation.
#
# The polynomials, one by one
# ---------------------------
# Polar Express starts with a steep polynomial that lifts small values and throws the large ones
# about, and ends close to the polynomial of Newton-Schulz. Muon is one compromise, five times.

x = np.linspace(0, 1.1, 400)
figure, axes = plt.subplots(1, 4, figsize=(12, 3.5), layout="constrained", sharey=True)
shades = plt.colormaps["viridis"](np.linspace(0, 0.9, 5))
for ax, (name, triples) in zip(axes, SCHEDULES.items(), strict=True):
    ax.plot(x, x, color="0.8", linewidth=1, zorder=0)
    for step, triple in enumerate(triples):
        ax.plot(x, scalar_map([triple], x), color=shades[step], label=f"step {step + 1}")
    ax.set(title=TITLES[name], xlabel=r"$\sigma$", ylim=(0, 2.2))
    if np.ptp(triples, axis=0).max() == 0:
        ax.text(0.05, 2.0, "all five steps")
axes[0].set_ylabel(r"$p(\sigma)$")
axes[2].legend(fontsize=8, loc="upper left")

# %%
# A gradient
# ----------
# Now a matrix: the gradient of the first layer of a small network that reads handwritten digits,
# at its random start. Its singular values fall by four orders of magnitude, and three are zero,
# since three pixels at the border are never inked.


def first_layer_gradient(hidden=128, seed=0):
    """Gradient of the mean cross entropy with respect to the weights of a ReLU layer."""
    pixels, labels = load_digits(return_X_y=True)
    pixels = pixels - pixels.mean(axis=0)
    rng = np.random.default_rng(seed)
    w1 = rng.standard_normal((hidden, 64)) / np.sqrt(64 * 16)
    w2 = rng.standard_normal((10, hidden)) / np.sqrt(hidden)
    active = pixels @ w1.T
    scores = np.maximum(active, 0) @ w2.T
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    error = scores / scores.sum(axis=1, keepdims=True) - np.eye(10)[labels]
    return ((error @ w2) * (active > 0)).T @ pixels / len(pixels)


gradient = first_layer_gradient()
start = np.linalg.svd(gradient / np.linalg.norm(gradient), compute_uv=False)
positive = start[start > 1e-12]
print(f"largest {start[0]:.2f}, median {np.median(start):.4f}, smallest {positive[-1]:.6f}")
print(f"{start.size - positive.size} of {start.size} are zero")

figure, axes = plt.subplots(2, 2, figsize=(11, 7.5), layout="constrained", sharex=True, sharey=True)
shades = plt.colormaps["viridis"](np.linspace(0, 0.9, 6))
for ax, (name, triples) in zip(axes.flat, SCHEDULES.items(), strict=True):
    lx.plotting.spectrum(positive, ax, color=shades[0], label="before")
    for steps in range(1, 6):
        u = lx.orthogonal.orthogonalize(gradient, coefficients=triples, steps=steps)
        s = np.linalg.svd(u, compute_uv=False)
        lx.plotting.spectrum(s[s > 1e-12], ax, color=shades[steps], label=f"step {steps}")
    predicted = np.sort(scalar_map(triples, positive))[::-1]
    ax.plot(np.arange(1, positive.size + 1), predicted, "k+", markersize=4, label="predicted")
    ax.axhline(1, color="0.7", linewidth=1, zorder=0)
    ax.set(title=TITLES[name], ylim=(1e-5, 4), ylabel="singular value")
    ax.label_outer()
axes[0, 0].legend(ncols=2, fontsize=8, loc="lower left")
figure.suptitle("Singular values of a gradient, step by step")

# %%
# The crosses are the function of one variable, applied to the singular values of the start: the
# matrix does what the scalar map says. The zeros stay zero, as they must: no polynomial without
# a constant term can invent a direction that the gradient does not have.
#
# More steps?
# -----------
# Only a schedule that ends in the Newton-Schulz triple converges. Polar Express does, since its
# optimal triples tend to it: after the singular values are gathered, each step triples the number
# of correct digits. Muon circles around 1 forever. For an optimizer that may be good enough; for
# the polar factor itself call :func:`linalgx.orthogonal.polar`.

a = lx.gallery.randsvd(200, cond=100.0, rng=0)
inner = np.linalg.svd(a / np.linalg.norm(a), compute_uv=False)
longest = 14
figure, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
for name in SCHEDULES:
    errors = [abs(1 - inner).max()]
    for steps in range(1, longest + 1):
        u = lx.orthogonal.orthogonalize(a, coefficients=name, steps=steps)
        errors.append(abs(1 - np.linalg.svd(u, compute_uv=False)).max())
    lx.plotting.history(errors, ax, color=COLOR[name], label=TITLES[name])
ax.set(xlabel="steps", ylabel=r"largest $|1 - \sigma|$", ylim=(1e-16, 3))
ax.set_title("200 × 200, singular values from 1 to 0.01")
ax.legend(loc="lower left")
plt.show()

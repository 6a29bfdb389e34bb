"""Approximate orthogonalization with matrix products only.

Legend: A = W Σ Vᴴ; X₀ = A/ν with ν ≥ ‖A‖₂; p₁, p₂, … odd polynomials; the result is
W p(Σ/ν) Vᴴ with p = … ∘ p₂ ∘ p₁.
"""

from collections.abc import Callable

from linalgx._core.choose import choose
from linalgx._core.norms import frobenius
from linalgx._core.scaling import to_unit_scale
from linalgx.backend import adjoint, as_matrix, safe_min
from linalgx.orthogonal._odd_steps import rows_gram, run_observed, run_steps
from linalgx.orthogonal.coefficients import schedule
from linalgx.typing import Array, Callback, Namespace

__all__ = ["orthogonalize"]

Start = Callable[..., tuple[Array, Array | None]]


def orthogonalize(
    a: Array,
    /,
    *,
    coefficients: str | Array = "polar_express",
    steps: int | None = None,
    normalize: str = "frobenius",
    precondition: str | None = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> Array:
    """Push all singular values of a matrix towards 1 with a few matrix products.

    This is the step of Muon-type optimizers, which replace a gradient by an approximation of
    its polar factor. Five steps bring the singular values of a typical gradient within ten or
    twenty per cent of 1. For the polar factor to working precision use `polar`.

    Parameters
    ----------
    a : array, shape (..., m, n)
        Real or complex; of any scale.
    coefficients : str or array of shape (steps, 3)
        The odd polynomials. ``"polar_express"`` is made for singular values of A/ν in
        [1e-3, 1] and starts from A/(1.01 ν); ``"cans"`` is the same with cubics, from A/ν.
        ``"muon"``, ``"you"``, ``"turbo"`` and ``"modula"`` are published tables; ``"root"`` is
        fitted to the shape (`shape_coefficients`). ``"newton_schulz3"``, ``"newton_schulz5"``
        and ``"newton_schulz7"`` converge to the polar factor, slowly where singular values are
        small. An array holds one row (c₀, c₁, c₂) of c₀ x + c₁ x³ + c₂ x⁵ for each step; two
        or four columns are cubic and septic steps.
    steps : int, optional
        Number of steps. Default: 5, or 4 for ``"turbo"``, 9 for ``"cans"``, 17, 11 and 9 for
        Newton-Schulz, all rows of an array. Fewer steps are the first ones of the list; of a
        published table the last row is repeated when there are more.
    normalize : {"frobenius", "schatten4"}
        ν = ‖A‖_F, or ν = ‖A Aᴴ‖_F^(1/2), a closer bound of ‖A‖₂, whose Gram matrix serves in the
        first step.
    precondition : {None, "turbo"}
        ``"turbo"`` divides each row by the root of the absolute row sum of A Aᴴ instead (each
        column if there are fewer columns). It saves about one step, but the singular vectors
        become those of the scaled matrix; `normalize` is then not needed and has no effect.
    callback : callable, optional
        Receives `IterationState` (k, x, residual) before the first and after each step;
        residual is the largest ‖X Xᴴ − I‖_F of the batch, over the shorter side. Each costs a
        Gram matrix and a synchronisation.
    check_finite : bool
        Raise when `a` holds NaN or Inf.

    Returns
    -------
    Array
        Shape (..., m, n), of the dtype of `a`. Zero singular values stay zero; a zero matrix
        gives zeros.

    Raises
    ------
    ValueError
        Not a matrix, not finite, or an option that does not exist.
    TypeError
        A dtype or kind of `a` that is not accepted.

    See Also
    --------
    polar : The polar factor to working precision.
    polar_express_coefficients : Optimal coefficients for other bounds.
    soft_clip : Take outliers out of a gradient first.

    Notes
    -----
    **Method.** X ← (c₀ I + c₁ G + c₂ G²) X with G = X Xᴴ, on the side with fewer rows. Polar
    Express [1]_, CANS [2]_ and its Schatten bound, turbo scaling [3]_, ROOT [4]_. From three
    times as many columns as rows on, two or three steps at a time are taken on G alone, and X is
    multiplied once by the product of their factors.

    **Cost.** A quintic step on m ≤ n takes 2 products m×m×n and one m×m×m; on NumPy two of the
    three count half, since they are Hermitian. At most six arrays like `a` at a time, the
    result among them.

    **Accuracy.** The singular values are p(σ/ν) up to rounding, which the slopes of the
    polynomials at 0 amplify: five quintic steps in float32 stay within 1e-5. Multiplying `a` by
    a power of two changes nothing, to the last bit. There is no constant added to the norm.

    **Backends.** See :doc:`/backends`; on a GPU one synchronisation, for the exponent of `a`.

    References
    ----------
    .. [1] Amsel, Persson, Musco, Gower, "The Polar Express", arXiv:2505.16932.
    .. [2] CANS: accelerated Newton-Schulz by Chebyshev-type polynomials, arXiv:2506.10935.
    .. [3] Turbo-Muon: almost-orthogonal preconditioning, arXiv:2512.04632.
    .. [4] ROOT: robust orthogonalized optimizer, arXiv:2511.20626.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.randsvd(50, cond=100.0, rng=0)
    >>> for steps in (5, 6, 7):
    ...     u = lx.orthogonal.orthogonalize(a, steps=steps)
    ...     print(steps, np.linalg.svd(u, compute_uv=False)[[0, -1]].round(6))
    5 [1.132686 0.866486]
    6 [1.00172 0.99828]
    7 [1. 1.]
    """
    xp, a = as_matrix(a, "a", check_finite=check_finite)
    flipped = a.shape[-2] > a.shape[-1]
    rows = schedule(coefficients, steps, (a.shape[-2], a.shape[-1]))
    start = _choose_start(normalize, precondition)
    if 0 in a.shape:
        return xp.zeros_like(a)
    x, _ = to_unit_scale(adjoint(a, xp=xp) if flipped else a, xp=xp)
    x, g = start(x, xp=xp)
    if callback is None:
        u = run_steps(x, rows, g, xp=xp)
    else:
        u = run_observed(x, rows, callback, flipped=flipped, xp=xp)
    return adjoint(u, xp=xp) if flipped else u


def _choose_start(normalize: str, precondition: str | None) -> Start:
    """Dispatch on the two options; a name that does not exist is an error in either."""
    start = choose(normalize, _NORMALIZE, "normalize")
    return start if precondition is None else choose(precondition, _PRECONDITION, "precondition")


def _divide_by_frobenius(a: Array, *, xp: Namespace) -> tuple[Array, None]:
    """X₀ = A/‖A‖_F."""
    return a * _inverse(frobenius(a, xp=xp, keepdims=True), xp=xp), None


def _divide_by_schatten4(a: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """X₀ = A/ν and its Gram matrix, ν⁴ = ‖A Aᴴ‖_F² = Σ σ⁴."""
    g = rows_gram(a, xp=xp)
    inverse = _inverse(frobenius(g, xp=xp, keepdims=True), xp=xp)
    return a * xp.sqrt(inverse), g * inverse


def _turbo(a: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """X₀ = S A and its Gram matrix S G S, S = diag(Σ_j |G_ij|)^(−1/2), so that ‖X₀‖₂ ≤ 1."""
    g = rows_gram(a, xp=xp)
    s = xp.sqrt(_inverse(xp.sum(xp.abs(g), axis=-1, keepdims=True), xp=xp))
    return a * s, g * s * s.mT


def _inverse(norm: Array, *, xp: Namespace) -> Array:
    """1/ν. The bound is met by zeros, which stay zero, and by rows that vanish beside others."""
    return 1 / xp.maximum(norm, xp.full_like(norm, safe_min(norm, xp=xp)))


_NORMALIZE: dict[str, Start] = {
    "frobenius": _divide_by_frobenius,
    "schatten4": _divide_by_schatten4,
}
_PRECONDITION: dict[str, Start] = {"turbo": _turbo}

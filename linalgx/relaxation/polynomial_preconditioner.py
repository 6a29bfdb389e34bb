"""Preconditioners that are polynomials of the matrix: products only, no factor to store.

Legend: A Hermitian positive definite with spectrum in [a, b], d the degree, p(A) ≈ A⁻¹ the
preconditioner, r(λ) = 1 − λ p(λ) the residual polynomial, of degree d + 1.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.choose import choose
from linalgx.backend import as_generator, eps
from linalgx.errors import LinAlgError
from linalgx.operators import LinearMap
from linalgx.relaxation._definite import Operand, admit_hermitian, spectral_bounds, tridiagonal
from linalgx.relaxation._residual_roots import learned_roots, leja
from linalgx.relaxation.symmetric_polynomial import symmetric_polynomial
from linalgx.typing import Array, MatrixLike, RNGLike

__all__ = ["polynomial_preconditioner", "residual_roots"]

PROBES = 8
"""Vectors that the residual polynomial is learned from; one could miss an eigenvalue."""
MORE = 2
"""Lanczos steps beyond the degree, that the polynomial is checked with."""

Bounds = tuple[float, float]


def polynomial_preconditioner(
    a: MatrixLike,
    /,
    degree: int,
    *,
    kind: str = "chebyshev",
    bounds: Bounds | None = None,
    roots: Sequence[float] | None = None,
    rng: RNGLike = None,
    check_finite: bool = True,
) -> LinearMap:
    """Make a preconditioner p(A) of a positive definite matrix from a polynomial p.

    It trades inner products, which are slow on many processors, for products with A, and needs
    nothing but these. Chebyshev polynomials fit a spectrum of which only the ends are known, and
    learned ones spend their roots where the eigenvalues are.

    Parameters
    ----------
    a : array, sparse container, LinearOperator or LinearMap, shape (n, n)
        Hermitian positive definite.
    degree : int
        Products with `a` for each with the preconditioner, at most.
    kind : str
        ``"chebyshev"``; ``"neumann"``, the truncated series around a multiple of I;
        ``"residual"``, the learned one; ``"symmetric"``, `symmetric_polynomial` of low degree.
    bounds : tuple of two float, optional
        Ends of the interval for chebyshev, and for neumann, which uses the upper one only.
        Estimated when ``None``: b by 20 Lanczos steps and moved up by 10 %, a the larger of the
        smallest Ritz value and b/(d + 1)².
    roots : sequence of float, optional
        Roots for ``"residual"``, from `residual_roots` of a similar matrix, d + 1 at most.
        Learned from `a` when ``None``.
    rng : optional
        Randomness of estimates.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    LinearMap
        p(A), an approximation of A⁻¹ (for ``"symmetric"`` of a multiple), Hermitian and, when
        bounds and roots fit the matrix, positive definite.

    Raises
    ------
    ValueError
        `a` is not Hermitian, or bounds or roots are not positive.
    LinAlgError
        The estimate found a negative eigenvalue.

    See Also
    --------
    symmetric_polynomial : The kind ``"symmetric"``.
    residual_roots : Learns the roots once for a sequence of matrices.

    Notes
    -----
    **Method.** chebyshev: d + 1 steps of the semi-iteration from zero, so that r is the scaled
    Chebyshev polynomial of [a, b]. neumann: ω Σ (I − ωA)ᵏ over k ≤ d, ω = 1/b. residual: d + 1
    Richardson steps whose step sizes are reciprocal roots of r, in Leja order. Where r < 1 on the
    spectrum p(A) is positive definite, and κ(p(A) A) = max(1 − r)/min(1 − r).

    **Cost.** d products and as many vector updates for each product; no setup with given bounds
    or roots, else 20 products, or d + 3 with blocks of 8 vectors. Two more vectors of memory.

    **Accuracy.** An interval that leaves the smallest eigenvalues out is better than the exact
    one, as conjugate gradients deal with them (measured on Poisson's equation: 25 iterations
    instead of 43 for d = 8 and order 3969). Eigenvalues more than 10 % above the upper bound make
    chebyshev and neumann useless, or indefinite; too high a bound costs little.

    **Backends.** See :doc:`/backends`; no synchronisation when applied.

    References
    ----------
    Saad, Iterative Methods for Sparse Linear Systems, 2003, chapter 12.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = np.diag(np.linspace(1.0, 100.0, 50))
    >>> p = lx.relaxation.polynomial_preconditioner(a, 5, bounds=(1.0, 100.0))
    >>> print(round(np.linalg.cond(p @ a), 2))
    3.44
    """
    make = choose(kind, KINDS, "kind")
    for name, given, of in (("bounds", bounds, BOUNDED), ("roots", roots, ("residual",))):
        if given is not None and kind not in of:
            raise ValueError(f"{name} is for kind={' or '.join(map(repr, of))}, got {kind!r}")
    if make is None:
        return symmetric_polynomial(a, degree, rng=rng, check_finite=check_finite)
    operand = admit_hermitian(a, "a", check_finite=check_finite)
    degree, rng, scale = admit_integer(degree, "degree", 0), as_generator(rng), operand.exponent
    known: Any = None
    if roots is not None:
        known = admit_roots(roots, degree, scale)
    elif bounds is not None:
        known = admit_bounds(bounds, scale)
    if operand.n == 0:
        return operand.mapped(lambda x: x)
    apply = make(operand, degree, known, rng)
    return operand.mapped(lambda x: apply(x) * 2.0**-scale)


def residual_roots(
    a: MatrixLike, /, degree: int, *, rng: RNGLike = None, check_finite: bool = True
) -> tuple[float, ...]:
    """Learn the roots of a residual polynomial from a Krylov space, for reuse on other matrices.

    In a sequence of similar matrices the polynomial that a Krylov method builds for one is a good
    preconditioner for the next ones, without another inner product.

    Parameters
    ----------
    a : array, sparse container, LinearOperator or LinearMap, shape (n, n)
        Hermitian positive definite, one of the sequence.
    degree : int
        Degree of the preconditioner; the residual polynomial has one root more.
    rng : optional
        Randomness of the vectors.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    tuple of float
        At most d + 1 positive roots in Leja order, fewer where the residual is small before.

    Raises
    ------
    ValueError
        `a` is not Hermitian.
    LinAlgError
        `a` has a negative eigenvalue.

    See Also
    --------
    polynomial_preconditioner : Takes them as ``roots``.

    Notes
    -----
    **Method.** Our construction. Lanczos on a block of 8 Gaussian vectors, taken as one long
    vector, gives the tridiagonal matrix of CG for the average spectrum that they see. The roots
    are its harmonic Ritz values, those of the residual polynomial of least norm, because CG's own
    polynomial may rise above 1 between its roots and leave p(A) indefinite. Roots far outside the
    rest are taken twice, since r is too steep there for rounded numbers. The degree goes down until
    r < 1 on the Ritz values of two steps more and on an upper bound of the spectrum.

    **Cost.** d + 3 products with a block of 8 vectors, and 8 (d + 3) vectors of memory.

    **Accuracy.** Roots to about √eps of the largest; they are a choice, not an answer.

    **Backends.** See :doc:`/backends`; one synchronisation a step.

    References
    ----------
    Saad, Iterative Methods for Sparse Linear Systems, 2003, chapter 12.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = np.diag(np.r_[np.linspace(1, 1.02, 20), np.linspace(10, 10.02, 20)])
    >>> print(np.round(lx.relaxation.residual_roots(a, 1, rng=0), 1))
    [10.  1.]
    """
    operand = admit_hermitian(a, "a", check_finite=check_finite)
    degree = admit_integer(degree, "degree", 0)
    if operand.n == 0:
        return ()
    found = learn(operand, degree, as_generator(rng))
    return tuple(root * 2.0**operand.exponent for root in found)


def admit_bounds(bounds: Bounds, exponent: int) -> Bounds:
    """Check the ends of the spectrum and bring them to unit scale."""
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise TypeError(f"bounds must be two numbers, low and high, got {bounds!r}") from None
    low = admit_real(low, "the lower bound", ends="()")
    high = admit_real(high, "the upper bound", low, ends="()")
    return low * 2.0**-exponent, high * 2.0**-exponent


def admit_roots(roots: Sequence[float], degree: int, exponent: int) -> list[float]:
    """Check the roots and bring them to unit scale; Leja order once more, as nobody promised it."""
    if not isinstance(roots, Iterable):
        raise TypeError(f"roots must be a sequence of numbers, got {roots!r}")
    values = [admit_real(root, "each of roots", ends="()") * 2.0**-exponent for root in roots]
    if not 0 < len(values) <= degree + 1:
        raise ValueError(f"roots must hold 1 to {degree + 1} numbers, got {len(values)}")
    return leja(values)


def learn(operand: Operand, degree: int, rng: object) -> list[float]:
    """Roots for a matrix at unit scale."""
    block = operand.normal(PROBES, rng)
    t = tridiagonal(operand.a, block, degree + 1 + MORE, xp=operand.xp)
    roots = learned_roots(t, degree + 1, eps(operand.like, xp=operand.xp))
    if not roots:
        raise LinAlgError("a is too close to singular to learn a polynomial from it")
    return roots


def _chebyshev(
    operand: Operand, degree: int, bounds: Bounds | None, rng: object
) -> Callable[[Array], Array]:
    if bounds is None:
        low, high = spectral_bounds(operand, rng)
        bounds = max(low, high / (degree + 1) ** 2), high
    low, high = bounds
    middle, half = (high + low) / 2.0, (high - low) / 2.0

    def apply(b: Array) -> Array:
        """Iterate d ← q' q d + (2 q'/δ) r, q' = 1/(2 θ/δ − q): θ the middle, δ half the width."""
        x, q = b / middle, half / middle
        d, r = x, b
        for _ in range(degree):
            r = r - operand.a @ d
            new = 1.0 / (2.0 * middle / half - q)
            d = (new * q) * d + (2.0 * new / half) * r
            x, q = x + d, new
        return x

    return apply


def _neumann(
    operand: Operand, degree: int, bounds: Bounds | None, rng: object
) -> Callable[[Array], Array]:
    _, high = spectral_bounds(operand, rng) if bounds is None else bounds

    def apply(b: Array) -> Array:
        y = b
        for _ in range(degree):
            y = b + y - (operand.a @ y) / high
        return y / high

    return apply


def _residual(
    operand: Operand, degree: int, roots: list[float] | None, rng: object
) -> Callable[[Array], Array]:
    first, *others = learn(operand, degree, rng) if roots is None else roots

    def apply(b: Array) -> Array:
        """Iterate x ← x + r/θ, r ← r − A r/θ."""
        x, r = b / first, b
        root = first
        for other in others:
            r = r - (operand.a @ r) / root
            x, root = x + r / other, other
        return x

    return apply


BOUNDED = ("chebyshev", "neumann")
"""Kinds that are made for an interval of eigenvalues."""

KINDS: dict[str, Callable[..., Callable[[Array], Array]] | None] = {
    "symmetric": None,
    "chebyshev": _chebyshev,
    "neumann": _neumann,
    "residual": _residual,
}

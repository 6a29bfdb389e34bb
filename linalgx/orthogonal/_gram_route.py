"""The polar factor from one Hermitian eigenproblem and a first-order correction; one matrix.

An eigendecomposition costs less than half of an SVD. The Gram matrix loses half the digits, but
what it loses can be given back: AV has nearly orthogonal columns, and how far they are from
orthogonal is measured accurately. The method, its correction included, is our own derivation.

Legend: G = AᴴA = V W Vᴴ; C = A V; D = diag(d) the norms of its columns; Q = C D⁻¹; E = QᴴQ − I,
‖E‖ ≈ eps κ²; τ = smallest dᵢ/d₁ for which terms of order two may be left out, eps τ⁻³ = 1/3.
Columns with smaller dᵢ, the tail, come first and are decomposed by themselves.
"""

from linalgx._core.norms import frobenius
from linalgx.backend import adjoint, eigh, eps, gram, host_float, lu_pivots, svd
from linalgx.orthogonal._certificate import add_product
from linalgx.orthogonal._control import minus_identity
from linalgx.typing import Array, Namespace

SMALLEST = 144
"""Order from which this route is faster than the SVD."""


def gram_route(a: Array, *, xp: Namespace) -> Array | None:
    """Return U before polishing, or ``None`` where the SVD is the better way."""
    tau = smallest_ratio(a, xp=xp)
    if _many_small(a, 5.0 * tau, xp=xp):
        return None
    c = a @ (v := eigh(gram(a, xp=xp), xp=xp)[1])
    d = xp.linalg.vector_norm(c, axis=0)
    tail = int(xp.count_nonzero(d < tau * xp.max(d)))
    if tail > 0.45 * d.shape[0]:
        return None
    q, d, v, h = _split(c, d, v, tail, xp=xp)
    e = minus_identity(gram(q, xp=xp), xp=xp)
    if not (size := host_float(frobenius(e, xp=xp))) <= 0.3:
        return None
    return add_product(q, _correction(e, d, h, xp=xp), size, xp=xp) @ adjoint(v, xp=xp)


def smallest_ratio(a: Array, *, xp: Namespace) -> float:
    """Return τ."""
    return float((3.0 * eps(a, xp=xp)) ** (1 / 3))


def _split(
    c: Array, d: Array, v: Array, tail: int, *, xp: Namespace
) -> tuple[Array, Array, Array, Array | None]:
    """Return Q, d, V and H with C = Q (D + H), H in the rows of the head and columns of the tail.

    The tail is made orthogonal to the head by one projection, then decomposed. A tail of nothing
    but rounding errors is a random one, and thereby orthogonal enough.
    """
    if tail == 0:
        c /= d
        return c, d, v, None
    head = c[:, tail:] / d[tail:]
    h = adjoint(head, xp=xp) @ c[:, :tail]
    w, s, z = _decomposed(c[:, :tail] - head @ h, xp=xp)
    q = xp.concat([w, head], axis=1)
    v = xp.concat([v[:, :tail] @ z, v[:, tail:]], axis=1)
    # No zero among the norms: it is divided by, and where it stands does not matter.
    s = xp.where(s > 0, s, xp.min(d[tail:]) * eps(d, xp=xp))
    return q, xp.concat([s, d[tail:]]), v, h @ z


def _decomposed(t: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """Return W, s and Z with T Z = W diag(s): by the same route once more, or by the SVD."""
    z = eigh(gram(t, xp=xp), xp=xp)[1]
    w = t @ z
    s = xp.linalg.vector_norm(w, axis=0)
    if host_float(xp.min(s)) > smallest_ratio(t, xp=xp) * host_float(xp.max(s)):
        return w / s, s, z
    w, s, zh = svd(t, xp=xp)
    return w, s, adjoint(zh, xp=xp)


def _correction(e: Array, d: Array, h: Array | None, *, xp: Namespace) -> Array:
    """Return T, in the place of E, with U = Q (I + T) Vᴴ to first order.

    The isometry nearest to Q is Q(I − E/2); the polar factor of (I + E/2)(D + H) is I + S with
    Sᵢⱼ (dᵢ + dⱼ) the skew part. Together Tᵢⱼ = −Eᵢⱼ dᵢ/(dᵢ + dⱼ), and H/(dᵢ + dⱼ) made skew.
    """
    ratio = (-1.0 / d)[:, None] * d[None, :]
    ratio -= 1.0
    e /= ratio
    if h is None:
        return e
    k = h.shape[1]
    s = h / (d[k:, None] + d[None, :k])
    e[k:, :k] += s
    e[:k, k:] -= adjoint(s, xp=xp)
    return e


def _many_small(a: Array, threshold: float, *, xp: Namespace) -> bool:
    """Guess, from the pivots of cheap LU factorizations, whether the tail would be large.

    The leading quarter of the matrix often tells; only if not, all of it is looked at. A wrong
    guess costs time and nothing else.
    """
    half = a.shape[1] // 2
    for part, share in ((a[:half, :half], 0.1), (a, 0.3)):
        pivots = lu_pivots(part, xp=xp)
        if pivots is None or (pivots < threshold * pivots.max()).mean() > share:
            return True
    return False

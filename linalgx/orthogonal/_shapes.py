"""Around the methods: shapes, certificate, and repair by the SVD.

Legend: A m x n; T = A or Aᴴ, whichever is tall; U isometry, P Hermitian, B = UᴴA. The matrices of
a batch lie along one axis; a single one comes to the methods without that axis.
"""

from collections.abc import Callable
from dataclasses import replace

from linalgx._core.batching import flatten_batch, unflatten_batch, where_matrix
from linalgx.backend import adjoint, device_of, eps, hermitian, is_gpu, to_host
from linalgx.errors import ConvergenceWarning, LinAlgError, warn
from linalgx.orthogonal._automatic import automatic
from linalgx.orthogonal._certificate import backward_limit, certified, polished, semidefinite
from linalgx.orthogonal._control import Control, Factors
from linalgx.orthogonal._express import polar_express
from linalgx.orthogonal._svd_route import svd_route
from linalgx.orthogonal._tall import compressed, expanded, spans
from linalgx.typing import Array, Namespace

Method = Callable[..., Factors]

POLISH_FROM = 128
SMALL_SIZE = 12_000


def any_shape(
    a: Array, run: Method, left: bool, control: Control, *, xp: Namespace
) -> tuple[Array, Array | None]:
    """Reduce to tall T, one batch axis and nonzero matrices; P directly or from UᴴA or AUᴴ."""
    m, n = a.shape[-2:]
    order = m if left else n
    if 0 in a.shape:
        p = xp.zeros((*a.shape[:-2], order, order), dtype=a.dtype, device=device_of(a))
        return xp.zeros_like(a), p if control.compute_p else None
    flat, batch = flatten_batch(a, xp=xp)
    zero = ~xp.any(flat != 0, axis=(-2, -1))
    some_zero = bool(xp.any(zero))
    if some_zero:
        eye = xp.eye(m, n, dtype=a.dtype, device=device_of(a))
        flat = where_matrix(zero, eye, flat, xp=xp)
    flip = m < n or (m == n and left)
    direct = flip == left
    inner = replace(control, compute_p=control.compute_p and direct)
    t = adjoint(flat, xp=xp) if flip else flat
    u, p = (_square if _fits(t, run, xp=xp) else _tall)(t, run, inner, xp=xp)
    u = adjoint(u, xp=xp) if flip else u
    if control.compute_p and not direct:
        uh = adjoint(u, xp=xp)
        p = hermitian(flat @ uh if left else uh @ flat, xp=xp)
    if p is not None:
        p = where_matrix(zero, xp.zeros_like(p), p, xp=xp) if some_zero else p
        p = unflatten_batch(p, batch, xp=xp)
    return unflatten_batch(u, batch, xp=xp), p


def _fits(t: Array, run: Method, *, xp: Namespace) -> bool:
    """Whether the method takes T as it is; where it could, a basis pays only for tall T.

    For one small matrix, what surrounds the arithmetic costs more than the arithmetic.
    """
    m, n = t.shape[-2:]
    whole = run is svd_route or (run is automatic and not is_gpu(t, xp=xp))
    small = t.shape[0] == 1 and m * n <= SMALL_SIZE
    return bool(m == n or (whole and (small or m <= 1.3 * n)))


def _tall(t: Array, run: Method, control: Control, *, xp: Namespace) -> tuple[Array, Array | None]:
    """Solve the square problem of the triangular factor, and check the way back.

    The product with the basis costs orthogonality that grows with n; polishing is a fifth of the
    work and left out while it is not needed.
    """
    q, r, factor = compressed(t, xp=xp)
    u, p = _square(r, run, control, xp=xp)
    u = expanded(q, factor, u, xp=xp)
    if t.shape[-1] > POLISH_FROM:
        u, _ = polished(u, xp=xp)
    quiet = replace(control, cut=False)  # the square problem has warned
    limit = backward_limit(t.shape[-1], eps(t, xp=xp))
    return _repaired(t, u, p, ~spans(t, u, limit, xp=xp), quiet, xp=xp)


def _square(
    t: Array, run: Method, control: Control, *, xp: Namespace
) -> tuple[Array, Array | None]:
    """Run a method, polish, make P, and repair what fails the certificate."""
    a = _single(t)
    u, p, final = _guarded(a, run, control, xp=xp)
    if final:
        return _batched(u, t, xp=xp), None if p is None else _batched(p, t, xp=xp)
    u, good = polished(u, xp=xp)
    checked = run is polar_express
    b = adjoint(u, xp=xp) @ a if control.compute_p or checked else None
    p, fine = certified(a, u, b, xp=xp)
    good = good & fine
    if t.shape[-2] > t.shape[-1]:
        good = good & spans(a, u, backward_limit(t.shape[-1], eps(t, xp=xp)), xp=xp)
    if checked:
        good = good & semidefinite(p, a, xp=xp)
    u = _batched(u, t, xp=xp)
    p = None if p is None or not control.compute_p else _batched(p, t, xp=xp)
    return _repaired(t, u, p, xp.reshape(~good, t.shape[:1]), control, xp=xp)


def _guarded(a: Array, run: Method, control: Control, *, xp: Namespace) -> Factors:
    """Run a method; a matrix that makes a factorization fail is found by bisection, and zeroed.

    The certificate will reject the zero matrix.
    """
    try:
        return run(a, control=control, xp=xp)
    except LinAlgError:
        if run is svd_route or control.refused:
            raise
    if a.ndim == 2 or a.shape[0] == 1:
        return Factors(xp.zeros_like(a))
    half = a.shape[0] // 2
    quiet = replace(control, callback=None, compute_p=False)
    halves = a[:half, ...], a[half:, ...]
    return Factors(xp.concat([_guarded(x, run, quiet, xp=xp).u for x in halves]))


def _repaired(
    t: Array, u: Array, p: Array | None, bad: Array, control: Control, *, xp: Namespace
) -> tuple[Array, Array | None]:
    """Compute the matrices of a mask again by the SVD; warn when a limit is to blame."""
    if not bool(xp.any(bad)):
        return u, p
    if control.cut and control.maxiter is not None:
        warn(
            f"polar came to maxiter={control.maxiter} before it was accurate; "
            "the result comes from the singular value decomposition",
            ConvergenceWarning,
        )
    again = xp.take(t, positions(bad, xp=xp), axis=0)
    inner = Control(None, None, tuple(again.shape[:1]), p is not None)
    fresh = svd_route(_single(again), control=inner, xp=xp)
    u = scattered(u, _batched(fresh.u, again, xp=xp), bad, xp=xp)
    if p is None or fresh.p is None:
        return u, None
    return u, scattered(p, _batched(fresh.p, again, xp=xp), bad, xp=xp)


def _batched(x: Array, t: Array, *, xp: Namespace) -> Array:
    """Give a matrix back the batch axis of T."""
    return xp.reshape(x, (*t.shape[:1], *x.shape[-2:]))


def _single(t: Array) -> Array:
    """Return a batch of one as a matrix."""
    return t[0, ...] if t.shape[0] == 1 else t


def positions(mask: Array, *, xp: Namespace) -> Array:
    """Positions at which a mask of one axis is true."""
    places = [k for k, flag in enumerate(to_host(mask)) if flag]
    return xp.asarray(places, dtype=xp.int64, device=device_of(mask))


def scattered(x: Array, new: Array, mask: Array, *, xp: Namespace) -> Array:
    """Put the matrices `new` into the places of a mask; the standard has no indexed assignment."""
    source = xp.cumulative_sum(xp.astype(mask, xp.int64)) - 1
    source = xp.where(mask, source, xp.zeros_like(source))
    return where_matrix(mask, xp.take(new, source, axis=0), x, xp=xp)

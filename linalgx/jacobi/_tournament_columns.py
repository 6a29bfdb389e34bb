"""One-sided Jacobi rotations by whole arrays: all pairs of a round, and all matrices, at once.

In a tournament the columns sit in two rows of chairs, X and Y; those that face each other meet,
and between rounds all but one move on by one chair, which is a concatenation. Any other rule
gathers the pairs of a round and puts them back.

Legend: α, β norms of two columns x, y, γ = xᴴy/(αβ), r = β/α, θ = (r − 1/r)/(2|γ|),
t = sgn θ/(|θ| + √(1 + θ²)), c = 1/√(1 + t²), s = c t, e = s γ̄/|γ|, h = 1 − c = s²/(1 + c);
x ← x − (e y + h x), y ← y + (ē x − h y), which makes errors in proportion to the angle only. No
square of a norm appears, so that graded columns do not underflow.
"""

from linalgx._core.polish import identity_like
from linalgx.backend import device_of, eps, host_float, is_complex, real_dtype, safe_min
from linalgx.typing import Array, Namespace


class ArrayColumns:
    """The columns of G and, with `accumulate`, those of V below them."""

    def __init__(self, g: Array, accumulate: bool, *, xp: Namespace) -> None:
        self._xp, self._rows, self._accumulate = xp, g.shape[-2], accumulate
        if accumulate:
            n = g.shape[-1]
            eye = identity_like(xp.zeros((n, n), dtype=g.dtype, device=device_of(g)), xp=xp)
            g = xp.concat([g, xp.broadcast_to(eye, (*g.shape[:-2], n, n))], axis=-2)
        self._stack, self._least = g, vanished(g, xp=xp)
        self._drop()

    def turn(self, pairs: Array, tol: float) -> float:
        """Turn the pairs of all rounds; return the largest cosine met."""
        if pairs.size == 0 or 0 in self._stack.shape:
            return 0.0
        turn = self._sweep if self._is_tournament(pairs) else self._gathered
        seen = turn(pairs, tol)
        self._drop()
        return host_float(seen)

    def _drop(self) -> None:
        """Set columns of G to zero that are too small; NaN stays."""
        xp, g = self._xp, self.g
        g = xp.where(normalized(g, xp=xp)[0] <= self._least, xp.zeros_like(g), g)
        self._stack = xp.concat([g, self._stack[..., self._rows :, :]], axis=-2)

    @property
    def g(self) -> Array:
        """G V."""
        return self._stack[..., : self._rows, :]

    @property
    def v(self) -> Array | None:
        """V, if it is accumulated."""
        return self._stack[..., self._rows :, :] if self._accumulate else None

    def _is_tournament(self, pairs: Array) -> bool:
        """Whether the rounds are a whole tournament; its order is fixed."""
        return bool(pairs.shape[0] > 1 and pairs.shape[1] > 1)

    def _sweep(self, pairs: Array, tol: float) -> Array:
        """Play one tournament, by concatenations."""
        xp, stack = self._xp, self._stack
        n = stack.shape[-1]
        if n % 2:
            stack = xp.concat([stack, xp.zeros_like(stack[..., :1])], axis=-1)
        h = (n + 1) // 2
        x, y, seen = stack[..., :h], stack[..., h:], None
        for _ in range(2 * h - 1):
            x, y, cosine = self._turned(x, y, tol)
            seen = cosine if seen is None else xp.maximum(seen, cosine)
            if h > 1:
                x, y = (
                    xp.concat([x[..., :1], y[..., :1], x[..., 1:-1]], axis=-1),
                    xp.concat([y[..., 1:], x[..., -1:]], axis=-1),
                )
        # After 2h − 1 moves everybody is back in the first chair.
        self._stack = xp.concat([x, y], axis=-1)[..., :n]
        return seen

    def _gathered(self, pairs: Array, tol: float) -> Array:
        """Turn rounds of disjoint pairs, brought together by permutations."""
        xp, seen = self._xp, None
        n = self._stack.shape[-1]
        for k in range(pairs.shape[0]):
            p, q = (list(map(int, side)) for side in zip(*pairs[k], strict=True))
            met = set(p) | set(q)
            order = [*p, *q, *(j for j in range(n) if j not in met)]
            back = sorted(range(n), key=order.__getitem__)
            moved = xp.take(self._stack, self._index(order), axis=-1)
            h = len(p)
            x, y, cosine = self._turned(moved[..., :h], moved[..., h : 2 * h], tol)
            moved = xp.concat([x, y, moved[..., 2 * h :]], axis=-1)
            self._stack = xp.take(moved, self._index(back), axis=-1)
            seen = cosine if seen is None else xp.maximum(seen, cosine)
        return seen

    def _index(self, order: list[int]) -> Array:
        xp = self._xp
        return xp.asarray(order, dtype=xp.int64, device=device_of(self._stack))

    def _turned(self, x: Array, y: Array, tol: float) -> tuple[Array, Array, Array]:
        """Turn the facing columns of X and Y; return the largest cosine, NaN if there is one."""
        xp, m = self._xp, self._rows
        alpha, beta, gamma = cosines(x[..., :m, :], y[..., :m, :], xp=xp)
        size = xp.abs(gamma)
        one = xp.ones_like(size)
        gone = (alpha <= self._least) | (beta <= self._least)
        size = xp.where(gone, xp.zeros_like(size), size)
        # Also false for NaN, which then shows in the cosine.
        met = size > tol
        safe = xp.where(met, size, one)
        r = xp.where(met, beta / xp.where(alpha > 0, alpha, one), one)
        theta = 0.5 * (r - 1.0 / r) / safe
        far = xp.abs(theta) > eps(x, xp=xp) ** -0.5
        near = xp.where(far, one, theta)
        t = 1.0 / (xp.abs(near) + xp.sqrt(1.0 + near * near))
        t = xp.where(theta >= 0, t, -t)
        t = xp.where(far, 0.5 / xp.where(far, theta, one), t)
        c = 1.0 / xp.sqrt(1.0 + t * t)
        s = xp.where(met, c * t / safe, xp.zeros_like(t))
        h = xp.where(met, c * t * t * c / (1.0 + c), xp.zeros_like(t))
        if is_complex(x, xp=xp):
            s, h = xp.astype(s, x.dtype), xp.astype(h, x.dtype)
            e, f = s * xp.conj(gamma), s * gamma
        else:
            e = f = s * gamma
        return x - (e * y + h * x), y + (f * x - h * y), xp.max(size)


def vanished(a: Array, *, xp: Namespace) -> float:
    """Return the norm at which a column counts as zero, where the largest component is near one.

    Below, angles between it and the largest columns would come close to underflow. Columns without
    room, orthogonal to more others than there are dimensions, become shorter with each sweep, and
    end there.
    """
    return max(safe_min(a, xp=xp) / eps(a, xp=xp) ** 2, 1e-140)


def cosines(x: Array, y: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """Return the norms of the columns of X and Y, shape (..., 1, h), and xᴴy/(‖x‖‖y‖)."""
    alpha, x = normalized(x, xp=xp)
    beta, y = normalized(y, xp=xp)
    x = xp.conj(x) if is_complex(x, xp=xp) else x
    return alpha, beta, xp.sum(x * y, axis=-2, keepdims=True)


def normalized(x: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return the norms of the columns and the columns of unit norm; zero ones stay zero.

    Columns so small that one cannot be divided by them count as zero.
    """
    if 0 in x.shape[-2:]:
        shape = (*x.shape[:-2], 1, x.shape[-1])
        return xp.zeros(shape, dtype=real_dtype(x, xp=xp), device=device_of(x)), x
    top = xp.max(xp.abs(x), axis=-2, keepdims=True)
    lost = top < 4.0 * safe_min(x, xp=xp)
    top, x = xp.where(lost, xp.zeros_like(top), top), xp.where(lost, xp.zeros_like(x), x)
    x = x / _divisor(top, x, xp=xp)
    size = xp.linalg.vector_norm(x, axis=-2, keepdims=True)
    return top * size, x / _divisor(size, x, xp=xp)


def _divisor(size: Array, x: Array, *, xp: Namespace) -> Array:
    """Return sizes to divide X by, ones instead of zeros."""
    size = xp.where(size == 0, xp.ones_like(size), size)
    return xp.astype(size, x.dtype) if is_complex(x, xp=xp) else size


def largest_cosine(g: Array, *, xp: Namespace) -> float:
    """Return the largest cosine of two columns, over all matrices of a batch."""
    if 0 in g.shape or g.shape[-1] == 1:
        return 0.0
    _, x = normalized(g, xp=xp)
    c = xp.abs((xp.conj(x) if is_complex(x, xp=xp) else x).mT @ x)
    off = xp.ones_like(c) - identity_like(c, xp=xp)
    return host_float(xp.max(c * off))

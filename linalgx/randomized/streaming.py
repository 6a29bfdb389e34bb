"""Low-rank approximation of a matrix that arrives as a sum of updates.

Legend: A m x n, never stored; Y = AΩ with k columns and X = ΓA with k rows span its range and
co-range, Z = ΦAΨᴴ, s x s, is the core, and Θ A, with t rows, measures the error; Ω, Γ, Φ, Ψ and Θ
are independent Gaussian matrices. What is stored are Y, Xᴴ, Z and (ΘA)ᴴ.
"""

from dataclasses import dataclass
from math import isfinite
from operator import index
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx._core.choose import choose
from linalgx._core.orthonormal import orthonormal
from linalgx._core.scaling import exponent_of
from linalgx.backend import (
    adjoint,
    as_arrays,
    as_generator,
    default_namespace,
    device_of,
    is_array,
    is_complex,
    library_name,
    standard_normal,
    times_power_of_two,
)
from linalgx.errors import LinAlgError
from linalgx.randomized._one_pass import (
    PROBES,
    OnePassResult,
    admit_rank,
    estimated,
    projected,
    small_svd,
    solved,
    times_power,
)
from linalgx.randomized._operand import Operand, admit_operands
from linalgx.typing import Array, Device, DType, MatrixLike, Namespace, RNGLike

__all__ = ["StreamingSketch"]

Pair = tuple[Array, Array]


@dataclass(frozen=True, slots=True)
class _Sketches:
    """The state: Y, Xᴴ, Z and (ΘA)ᴴ; without a core Z has no entries."""

    y: Array
    xh: Array
    z: Array
    probes: Array

    def combined(self, other: "_Sketches", theta: complex, eta: complex) -> "_Sketches":
        """Return the sketches of θA + ηH."""
        # A real matrix must not become complex because of the conjugate of a real number.
        back = [x.conjugate() if isinstance(x, complex) else x for x in (theta, eta)]
        return _Sketches(
            theta * self.y + eta * other.y,
            back[0] * self.xh + back[1] * other.xh,
            theta * self.z + eta * other.z,
            back[0] * self.probes + back[1] * other.probes,
        )


class StreamingSketch:
    """Keep a sketch of a matrix that changes by linear updates, and factorize it at any time.

    For matrices that are sums of many terms, such as covariances of a stream, averages of
    snapshots or gradients of batches, and too large to be stored. Memory is proportional to
    (m + n)·rank. Where the matrix can be looked at again, `svd` is more accurate.

    Parameters
    ----------
    shape : tuple of int
        Rows m and columns n.
    rank : int
        Singular values that `svd` returns, between 1 and min(m, n).
    method : str
        ``"three_sketch"``, of range, co-range and core, or ``"two_sketch"``, of range and
        co-range only.
    range_size : int, optional
        k, vectors that sketch the range, at least `rank`: 4·rank + 1 by default, and 2·rank + 1
        with two sketches.
    core_size : int, optional
        s, size of the core, or rows of the co-range sketch with two sketches, at least k:
        2k + 1 by default.
    rng : None, int, SeedSequence or Generator
        Source of the random matrices.
    xp, device, dtype : optional
        Library, device and type of the updates; by default those of `set_backend`.

    See Also
    --------
    generalized_nystrom : For a matrix whose products are at hand.
    svd : Several looks at the matrix.

    Notes
    -----
    **Method.** Range and co-range sketches Y = AΩ, X = ΓA have orthonormal bases Q and P, and the
    core Z = ΦAΨᴴ gives C = (ΦQ)⁺ Z ((ΨP)⁺)ᴴ; A ≈ Q C Pᴴ, truncated [1]_. With two sketches,
    A ≈ Q (ΓQ)⁺ ΓA [2]_. All sketches are linear in A, so that updates add up.

    **Cost.** An update multiplies with k + s vectors and its adjoint with k + 16; the random
    matrices need (m + n)(k + s) numbers, as many as the sketches and more.

    **Accuracy.** The mean squared error before truncation is at most (s − 1)/(s − k − 1) times
    that of projection on both bases, for s ≥ 2k + 1 [1]_. Sizes are clipped at m and n.

    **Backends.** See :doc:`/backends`. For one thread at a time.

    References
    ----------
    .. [1] Tropp, Yurtsever, Udell and Cevher, 2019, arXiv:1902.08651.
    .. [2] Tropp, Yurtsever, Udell and Cevher, 2017, arXiv:1609.00048.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> sketch = lx.randomized.StreamingSketch((60, 40), 2, rng=0)
    >>> u, v = np.eye(60)[:, :4], np.eye(40)[:, :4]
    >>> for j in range(4):
    ...     sketch.update((u[:, j : j + 1], v[:, j : j + 1]), eta=0.1**j)
    >>> print(sketch.svd().s.round(3))
    [1.  0.1]
    """

    __slots__ = ("_core", "_like", "_maps", "_rank", "_shape", "_state", "_updates", "_xp")

    def __init__(
        self,
        shape: tuple[int, int],
        rank: int,
        *,
        method: str = "three_sketch",
        range_size: int | None = None,
        core_size: int | None = None,
        rng: RNGLike = None,
        xp: Namespace | str | None = None,
        device: Device | None = None,
        dtype: DType | None = None,
    ) -> None:
        m, n = _admit_shape(shape)
        self._shape, self._rank = (m, n), admit_rank(rank, (m, n))
        self._core = choose(method, METHODS, "method")
        factor = 4 if self._core else 2
        k, s = _sizes(self._rank, factor, range_size, core_size)
        self._xp, device, dtype = default_namespace(xp, device, dtype)
        self._like = self._xp.empty((0, 0), dtype=dtype, device=device)
        sizes = _matrix_sizes(m, n, k, s, core=self._core)
        self._maps = self._drawn(sizes, as_generator(rng))
        self._state = _zero_state(m, n, sizes, like=self._like, xp=self._xp)
        self._updates = 0

    def _drawn(self, sizes: tuple[tuple[int, int], ...], rng: Any) -> tuple[Array, ...]:
        """Draw Ω, Γᴴ, Φᴴ, Ψᴴ and Θᴴ; the nearly square ones but Θ are made well conditioned."""
        xp = self._xp
        *maps, theta = (standard_normal(size, rng, like=self._like, xp=xp) for size in sizes)
        square = [2 * x.shape[1] > x.shape[0] for x in maps]
        pairs = zip(maps, square, strict=True)
        return *(orthonormal(x, xp=xp)[0] if sure else x for x, sure in pairs), theta

    def update(
        self,
        h: MatrixLike | Pair,
        /,
        theta: complex = 1.0,
        eta: complex = 1.0,
        *,
        check_finite: bool = True,
    ) -> None:
        """Replace A by θA + ηH. When that fails, the sketch stays as it was.

        Parameters
        ----------
        h : array, sparse container, LinearOperator, LinearMap, or pair of arrays
            H, shape (m, n), of the library and dtype of the sketch; a pair (U, V), shapes (m, r)
            and (n, r), stands for U Vᴴ.
        theta, eta : number
            The factors θ and η; complex ones only for a complex sketch.
        check_finite : bool
            Whether to look for NaN and Inf in `h`.

        Raises
        ------
        TypeError
            `h` has another library or dtype, or a factor is no number.
        ValueError
            `h` has another shape.
        LinAlgError
            The sketch would have NaN or infinite entries.
        """
        factors = [self._factor(x, name) for x, name in ((theta, "theta"), (eta, "eta"))]
        operand = self._operand(h, check_finite=check_finite)
        state = self._state.combined(self._sketched(operand), *factors)
        parts = (state.y, state.xh, state.z, state.probes)
        if not all(bool(self._xp.all(self._xp.isfinite(part))) for part in parts):
            raise LinAlgError("the update would give the sketch NaN or infinite entries")
        self._state = state
        self._updates += 1

    def svd(self) -> OnePassResult:
        """Return the truncated singular value decomposition of A, and its estimated error.

        Returns
        -------
        OnePassResult
            ``u``, shape (m, rank), ``s``, ``vh``, shape (rank, n), and ``error``, an estimate of
            ‖A − U diag(s) Vᴴ‖_F with a standard deviation of at most 18 %, a few per cent as a
            rule.
        """
        xp, state = self._xp, self._state
        exponent = exponent_of(state.y, xp=xp)
        y, xh, z, probes = (
            times_power_of_two(part, -exponent, xp=xp)
            for part in (state.y, state.xh, state.z, state.probes)
        )
        _, gamma, phi, psi, theta = self._maps
        q, _ = orthonormal(y, xp=xp)
        if self._core:
            p, _ = orthonormal(xh, xp=xp)
            c = solved(adjoint(psi, xp=xp) @ p, z, xp=xp)
            c = adjoint(solved(adjoint(phi, xp=xp) @ q, adjoint(c, xp=xp), xp=xp), xp=xp)
            u, s, vh = small_svd(q, c, p, xp=xp)
        else:
            u, s, vh = projected(q, gamma, xh, xp=xp)
        v, uh, rank = adjoint(vh, xp=xp), adjoint(u, xp=xp), self._rank
        error = times_power(estimated(probes, theta, v, s, uh, rank, xp=xp), exponent)
        s = times_power_of_two(s[None, :rank], exponent, xp=xp)[0, :]
        return OnePassResult(u[:, :rank], s, vh[:rank, :], error)

    def _factor(self, value: Any, name: str) -> complex:
        """Return θ or η as a number that the sketch can be multiplied with."""
        try:
            number = complex(value)
        except (TypeError, ValueError):
            raise TypeError(f"{name} must be a number, got {value!r}") from None
        if not (isfinite(number.real) and isfinite(number.imag)):
            raise ValueError(f"{name} must be finite, got {value!r}")
        if is_complex(self._like, xp=self._xp):
            return number
        if number.imag:
            raise TypeError(f"{name} must be real for a sketch of real matrices, got {value!r}")
        return number.real

    def _operand(self, h: Any, *, check_finite: bool) -> Operand:
        """Pass H through the gate."""
        if isinstance(h, tuple) and len(h) == 2 and all(is_array(x) and x.ndim == 2 for x in h):
            operand = _of_pair(*h, check_finite=check_finite)
        else:
            operands, batch = admit_operands(h, "h", check_finite=check_finite)
            if batch:
                raise ValueError(f"h must be one matrix, shape {self._shape}, got a batch {batch}")
            (operand,) = operands
        xp, like = self._xp, self._like
        if operand.xp is not xp or operand.like.dtype != like.dtype:
            raise TypeError(
                f"h must be of {library_name(xp)} and {like.dtype}, as the sketch, "
                f"got {library_name(operand.xp)} and {operand.like.dtype}"
            )
        if operand.shape != self._shape:
            raise ValueError(f"h must have shape {self._shape}, got {operand.shape}")
        return operand

    def _sketched(self, h: Operand) -> _Sketches:
        """Return the sketches of H, from one product with it and one with its adjoint."""
        xp, (omega, gamma, phi, psi, theta) = self._xp, self._maps
        k = omega.shape[1]
        right = h.unscaled(h.times(xp.concat([omega, psi], axis=1)))
        left = h.unscaled(h.adjoint_times(xp.concat([gamma, theta], axis=1)))
        z, rows = adjoint(phi, xp=xp) @ right[:, k:], gamma.shape[1]
        return _Sketches(right[:, :k], left[:, :rows], z, left[:, rows:])

    def __repr__(self) -> str:
        m, n = self._shape
        omega, gamma, phi, *_ = self._maps
        sizes = (omega.shape[1], (phi if self._core else gamma).shape[1])
        count = "1 update" if self._updates == 1 else f"{self._updates} updates"
        return (
            f"StreamingSketch {m}×{n}, rank {self._rank}, sizes {sizes[0]} and {sizes[1]}, "
            f"{self._like.dtype}, {library_name(self._xp)}, after {count}"
        )


METHODS = {"three_sketch": True, "two_sketch": False}
"""Whether a sketch of the core is kept."""


def _admit_shape(shape: Any) -> tuple[int, int]:
    try:
        m, n = map(index, shape)
    except (TypeError, ValueError):
        raise TypeError(f"shape must hold two integers, got {shape!r}") from None
    if m < 1 or n < 1:
        raise ValueError(f"shape must hold two positive integers, got {shape}")
    return m, n


def _sizes(
    rank: int, factor: int, range_size: int | None, core_size: int | None
) -> tuple[int, int]:
    """Return k and s."""
    k = factor * rank + 1
    if range_size is not None:
        k = admit_integer(range_size, "range_size", rank)
    return k, 2 * k + 1 if core_size is None else admit_integer(core_size, "core_size", k)


def _matrix_sizes(m: int, n: int, k: int, s: int, *, core: bool) -> tuple[tuple[int, int], ...]:
    """Return the shapes of Ω, Γᴴ, Φᴴ, Ψᴴ and Θᴴ; none is wider than tall."""
    k = min(k, m, n)
    rows, left, right = (k, min(s, m), min(s, n)) if core else (min(s, m), 0, 0)
    return (n, k), (m, rows), (m, left), (n, right), (m, PROBES)


def _zero_state(
    m: int, n: int, sizes: tuple[tuple[int, int], ...], *, like: Array, xp: Namespace
) -> _Sketches:
    (_, k), (_, rows), (_, left), (_, right), (_, t) = sizes
    shapes = ((m, k), (n, rows), (left, right), (n, t))
    zeros = (xp.zeros(shape, dtype=like.dtype, device=device_of(like)) for shape in shapes)
    return _Sketches(*zeros)


def _of_pair(u: Array, v: Array, *, check_finite: bool) -> Operand:
    """Return H = U Vᴴ by its products."""
    xp, (u, v) = as_arrays({"u of h": u, "v of h": v}, check_finite=check_finite)
    if u.shape[1] != v.shape[1]:
        raise ValueError(f"h = (u, v) must have equal widths, got {u.shape[1]} and {v.shape[1]}")
    uh, vh = adjoint(u, xp=xp), adjoint(v, xp=xp)
    shape = (int(u.shape[0]), int(v.shape[0]))
    return Operand(shape, lambda x: u @ (vh @ x), lambda y: v @ (uh @ y), u[:0, :0], None, 0, xp)

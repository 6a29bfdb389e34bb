"""Vectors of small eigenvalues as a by-product of conjugate gradients.

The z of the method are, scaled, the vectors of Lanczos' method for M⁻¹A, and its α and β give the
tridiagonal T. Whenever the window is full it shrinks to the Ritz vectors of the smallest values,
of T and of T without its last row, and the recurrence goes on beside them.

Legend: V the window, H = VᴴAV, ρ = rᴴz; T has 1/α_j + β_j/α_{j−1} on the diagonal, −√β_{j+1}/α_j
beside it.
"""

from math import isfinite, sqrt
from typing import Any

from linalgx.backend import (
    adjoint,
    eigh,
    from_host,
    hermitian,
    host_array,
    is_complex,
    namespace_of,
    qr,
    to_host,
)
from linalgx.relaxation._krylov import Apply, cast, reals
from linalgx.relaxation._system import System
from linalgx.typing import Array, Namespace


class Harvest:
    """Collects the Ritz vectors of the first column of a run."""

    def __init__(self, count: int, *, xp: Namespace) -> None:
        self.count, self.size, self.xp = count, max(4 * count, 20), xp
        self.kept: Array | None = None  # V, compressed
        self.values: list[float] = []
        self.link: list[float] = []  # H between `kept` and the next vector
        self.fresh: list[tuple[Array, Array, Array]] = []
        self.before: tuple[float, float] | None = None  # α and ρ of the step before the window
        self.closed = False

    def add(self, z: Array, rho: Array, alpha: Array) -> None:
        """Note z, ρ and α of a step."""
        if self.closed:
            return
        self.fresh.append((z[:, 0] + 0.0, rho[0], alpha[0]))  # z may be a work array
        if len(self.values) + len(self.fresh) >= self.size:
            self.compress()

    def compress(self) -> None:
        """Shrink the window to its Ritz vectors of the smallest values."""
        found = self._projected()
        if found is None:
            self.closed = True
            return
        v, h, step = found
        xp, m = self.xp, len(h)
        t = host_array(h)
        host = namespace_of(t)
        keep = min(self.count, m)
        _, first = eigh(t, xp=host)
        y = first[:, :keep]
        if m > 2 * keep:
            _, second = eigh(t[: m - 1, : m - 1], xp=host)
            y = host.concat([y, host.concat([second[:, :keep], 0.0 * second[:1, :keep]])], axis=1)
            y, _ = qr(y, xp=host)
        values, u = eigh(hermitian(y.mT @ t @ y, xp=host), xp=host)
        y = y @ u
        weights = from_host(y, like=v, xp=xp, dtype=v.dtype)
        self.kept, self.values = v @ weights, values.tolist()
        self.link = (step * y[m - 1, :]).tolist()
        self.fresh = []

    def _projected(self) -> tuple[Array, list[list[float]], float] | None:
        """V, H, and the factor 1/α of the link to the next vector; ``None`` when there is none."""
        xp = self.xp
        if not self.fresh:
            return None
        numbers = [to_host(xp.stack([row[k] for row in self.fresh])).tolist() for k in (1, 2)]
        steps = list(zip(*[[_real(x) for x in row] for row in numbers], strict=True))
        good = 0
        while good < len(steps) and all(isfinite(x) and x > 0.0 for x in steps[good]):
            good += 1
        if good < len(steps):
            self.closed = True
        if good == 0:
            return None
        z = xp.stack([row[0] for row in self.fresh[:good]], axis=1)
        scale = reals([1.0 / sqrt(rho) for rho, _ in steps[:good]], z, xp=xp)
        v = z * cast(scale, z, xp=xp)
        h = self._tridiagonal(steps[:good])
        rho, alpha = steps[good - 1]
        self.before = alpha, rho
        v = v if self.kept is None else xp.concat([self.kept, v], axis=1)
        return v, h, 1.0 / alpha

    def _tridiagonal(self, steps: list[tuple[float, float]]) -> list[list[float]]:
        old = len(self.values)
        m = old + len(steps)
        h = [[0.0] * m for _ in range(m)]
        for i, value in enumerate(self.values):
            h[i][i] = value
        before = self.before
        for j, (rho, alpha) in enumerate(steps, old):
            h[j][j] = 1.0 / alpha
            if before is not None:
                beta = rho / before[1]
                h[j][j] += beta / before[0]
                links = self.link if j == old else [1.0 / before[0]]
                first = 0 if j == old else j - 1
                for i, link in enumerate(links, first):
                    h[i][j] = h[j][i] = -sqrt(beta) * link
            before = alpha, rho
        return h

    def vectors(self) -> Array | None:
        """Return the Ritz vectors of the smallest values, as columns."""
        if self.fresh:
            self.compress()
        if self.kept is None:
            return None
        return self.kept[:, : min(self.count, self.kept.shape[1])]


def _real(x: Any) -> float:
    return float(x.real)


def refined(
    candidates: Array, count: int, apply: Apply, system: System, *, xp: Namespace
) -> Array | None:
    """Return vectors y of the smallest eigenvalues of M⁻¹A in a space, one block product.

    Rayleigh and Ritz in the inner product of A. Kept is what has ‖M⁻¹A y − θy‖ ≤ θ‖y‖: an
    eigenvalue is then nearer to θ than zero is.
    """
    c, _ = qr(candidates, xp=xp)
    ac = system.product(c)
    zc = apply(ac)
    w, u = eigh(hermitian(adjoint(c, xp=xp) @ ac, xp=xp), xp=xp)
    found = to_host(w).tolist()
    low = next((i for i, value in enumerate(found) if value > 1e-12 * found[-1]), len(found))
    if low == len(found):
        return None
    u = u[:, low:] / cast(xp.sqrt(w[low:]), u, xp=xp)
    c, ac, zc = c @ u, ac @ u, zc @ u
    theta, y = eigh(hermitian(adjoint(ac, xp=xp) @ zc, xp=xp), xp=xp)
    c, zc = c @ y, zc @ y
    gap = xp.linalg.vector_norm(zc - cast(theta, c, xp=xp) * c, axis=0)
    good = to_host((gap <= theta * xp.linalg.vector_norm(c, axis=0)) & (theta > 0)).tolist()
    wanted = [c[:, i] for i, keep in enumerate(good) if keep][:count]
    if not wanted:
        return None
    basis = xp.stack(wanted, axis=1)
    sizes = xp.linalg.vector_norm(basis, axis=0)
    return basis / (cast(sizes, basis, xp=xp) if is_complex(basis, xp=xp) else sizes)

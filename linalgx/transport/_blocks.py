"""One convex block of a dictionary, in the dual.

Legend: y = B θ for the block θ with its vectors in the simplex; the step minimizes
Σ_n W(x_n, (Bθ)_n) + (λ/2)‖θ − θ₀‖². Its dual in the potentials g, one for each histogram, is

    max over g of  min over θ of ⟨Bᵀg, θ⟩ + (λ/2)‖θ − θ₀‖²  −  Σ_n W*(x_n, g_n),

with the inner minimizer θ(g) = the projection of θ₀ − Bᵀg/λ onto the simplex.
"""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

from linalgx.backend import eps
from linalgx.transport._histograms import Histograms, minimized, onto_simplex, outer
from linalgx.typing import Array, Namespace


class Dictionary(NamedTuple):
    """Codes (N, K), their rows in the simplex, and factors (I_l, K) with columns in it."""

    codes: Array
    factors: list[Array]

    def product(self, *, xp: Namespace) -> Array:
        """Histograms Σ_k h_nk ⊗_l u_k, shape (N, I₁, ..., I_d)."""
        atoms = outer(self.factors, xp=xp)
        flat = self.codes @ xp.reshape(atoms, (atoms.shape[0], -1))
        return xp.reshape(flat, (self.codes.shape[0], *atoms.shape[1:]))


class Block(NamedTuple):
    """θ with its simplices along the last axis, the map B, its adjoint, and the way back."""

    theta: Array
    push: Callable[[Array], Array]
    pull: Callable[[Array], Array]
    put: Callable[[Array], Dictionary]


def code_block(d: Dictionary, *, xp: Namespace) -> Block:
    """Block of the codes."""
    atoms = outer(d.factors, xp=xp)
    flat = xp.reshape(atoms, (atoms.shape[0], -1))
    n = int(d.codes.shape[0])
    return Block(
        d.codes,
        lambda h: xp.reshape(h @ flat, (n, *atoms.shape[1:])),
        lambda g: xp.reshape(g, (n, -1)) @ flat.mT,
        lambda h: Dictionary(h, d.factors),
    )


def factor_block(d: Dictionary, axis: int, *, xp: Namespace) -> Block:
    """Block of one factor; θ is its transpose (K, I_l)."""
    others = [u for k, u in enumerate(d.factors) if k != axis]
    n, rank = (int(k) for k in d.codes.shape)
    sizes = [int(u.shape[0]) for u in others]
    rest = outer(others, xp=xp) if others else xp.ones_like(d.codes[0, :])
    rest = xp.reshape(rest, (rank, -1))
    weighted = d.codes[:, None, :] * rest.mT[None, :, :]  # (N, rest, K)

    def push(theta: Array) -> Array:
        y = xp.reshape(weighted @ theta, (n, *sizes, int(theta.shape[1])))
        return xp.moveaxis(y, -1, axis + 1)

    def pull(g: Array) -> Array:
        moved = xp.reshape(xp.moveaxis(g, axis + 1, -1), (n, -1, int(g.shape[axis + 1])))
        return xp.sum(weighted.mT @ moved, axis=0)

    def put(theta: Array) -> Dictionary:
        return Dictionary(d.codes, [theta.mT if k == axis else u for k, u in enumerate(d.factors)])

    return Block(d.factors[axis].mT, push, pull, put)


def proximal_step(block: Block, data: Histograms, g: Array, proximal: float) -> tuple[Array, Array]:
    """Minimize over the block from the potentials `g`; returns θ and its potentials."""
    xp = data.xp

    def negative_dual(g: Array) -> tuple[Array, Array]:
        value, log_y = data.conjugate(g)
        pulled = block.pull(g)
        theta = onto_simplex(block.theta - pulled / proximal, xp=xp)
        inner = xp.sum(pulled * theta) + 0.5 * proximal * xp.sum((theta - block.theta) ** 2)
        return xp.sum(value) - inner, xp.exp(log_y) - block.push(theta)

    goal = eps(g, xp=xp) ** 0.5 / max(prod(data.x.shape[1:]), 1)
    g = minimized(negative_dual, g, goal, xp=xp)
    return onto_simplex(block.theta - block.pull(g) / proximal, xp=xp), g

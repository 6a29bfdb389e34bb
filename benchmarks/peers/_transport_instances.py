"""Instances that solvers of optimal transport are compared on, and the error of a plan."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import linalgx as lx

EPSILONS = (1e-2, 1e-3, 1 / 1200, 1e-4, 1e-6)
"""Of the largest cost, which is one."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A cost and two vectors of masses."""

    name: str
    cost: Any
    a: Any
    b: Any


def squared(x: Any, y: Any) -> Any:
    """Squared distances, scaled to maximum one."""
    cost = np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=-1)
    return cost / cost.max()


def city_block(x: Any, y: Any) -> Any:
    """L1 distances, scaled to maximum one."""
    cost = np.sum(np.abs(x[:, None, :] - y[None, :, :]), axis=-1)
    return cost / cost.max()


def uniform(n: int) -> Any:
    """Equal masses of sum one."""
    return np.full(n, 1 / n)


def grid(size: int) -> Any:
    """Pixels of a square image."""
    return np.stack(np.indices((size, size)), axis=-1).reshape(-1, 2).astype(float)


def assignment(n: int, seed: int = 0) -> Instance:
    """Random assignment."""
    cost = lx.gallery.assignment_cost(n, rng=seed)
    return Instance(f"assignment {n}", cost, uniform(n), uniform(n))


def clouds(n: int, dim: int = 2, seed: int = 0) -> Instance:
    """Two Gaussian clouds."""
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal((n, dim)) for _ in range(2))
    return Instance(f"clouds {n}", squared(x, y), uniform(n), uniform(n))


def images(kind: str, size: int = 28, seed: int = 0) -> Instance:
    """Two images of three bumps; the cost is ``"L1"`` or ``"squared L2"``."""
    a, b = lx.gallery.blob_images(2, size, rng=seed).reshape(2, -1)
    cost = {"L1": city_block, "squared L2": squared}[kind]
    return Instance(f"images {size}², {kind}", cost(grid(size), grid(size)), a, b)


STANDARD: tuple[Callable[[], Instance], ...] = (
    lambda: assignment(500),
    lambda: clouds(1000),
    lambda: clouds(2000),
    lambda: images("squared L2"),
    lambda: images("L1"),
)


def _small_masses(n: int, rng: Any) -> Any:
    """Draw from Dirichlet(0.05): most masses are tiny, none is below 1e-14."""
    a = np.maximum(rng.dirichlet(np.full(n, 0.05)), 1e-14)
    return a / a.sum()


def mixed(count: int) -> Iterator[tuple[Instance, float]]:
    """Instances of mixed kind and size, each with an ε."""
    for k in range(count):
        rng = np.random.default_rng(1000 + k)
        n, m = (int(i) for i in rng.integers(50, 400, 2))
        epsilon = float(10.0 ** rng.uniform(-6, -2))
        kind = ("assignment", "clouds", "L1 clouds", "grid", "L1 grid", "Dirichlet")[k % 6]
        dim = int(rng.integers(2, 10))
        x, y = rng.standard_normal((n, dim)), rng.standard_normal((m, dim)) + 0.5
        a, b = (rng.dirichlet(np.full(i, 2.0)) if k % 4 < 2 else uniform(i) for i in (n, m))
        if kind == "assignment":
            cost = rng.random((n, m))
        elif "grid" in kind:
            side = int(rng.integers(8, 20))
            a, b = lx.gallery.blob_images(2, side, rng=rng).reshape(2, -1)
            cost = (city_block if "L1" in kind else squared)(grid(side), grid(side))
        else:
            cost = (city_block if "L1" in kind else squared)(x, y)
        if kind == "Dirichlet":
            a, b = _small_masses(n, rng), _small_masses(m, rng)
        yield Instance(f"{kind} {cost.shape[0]}×{cost.shape[1]}", cost, a, b), epsilon


def clusters(n: int = 500, excess: float = 1e-3, seed: int = 0) -> Instance:
    """Two far clusters on both sides, whose masses differ by `excess`; some masses are 1e-14.

    A share `excess` has to travel from one cluster to the other.
    """
    rng = np.random.default_rng(seed)
    half = n // 2
    far = np.where(np.arange(n) < half, 0.0, 10.0)[:, None] * np.array([[1.0, 0.0]])
    x, y = (far + 0.5 * rng.standard_normal((n, 2)) for _ in range(2))
    a, b = (_cluster_masses(n, half, share, rng) for share in (0.5 + excess / 2, 0.5 - excess / 2))
    return Instance(f"two clusters {n}", squared(x, y), a, b)


def _cluster_masses(n: int, half: int, share: float, rng: Any) -> Any:
    parts = [rng.dirichlet(np.full(half, 0.5)), rng.dirichlet(np.full(n - half, 0.5))]
    for part in parts:
        part[:5] = 1e-14
        part[5:] *= (1 - part[:5].sum()) / part[5:].sum()
    return np.maximum(np.r_[share * parts[0], (1 - share) * parts[1]], 1e-14)


def plan_error(plan: Any, a: Any, b: Any) -> float:
    """L1 error of both marginals of a plan."""
    return float(np.abs(plan.sum(1) - a).sum() + np.abs(plan.sum(0) - b).sum())


def error(result: Any, cost: Any, a: Any, b: Any, epsilon: float) -> float:
    """L1 error of both marginals of the plan that the potentials stand for, computed anew."""
    f, g = np.asarray(result.f), np.asarray(result.g)
    plan = np.exp((f[..., :, None] + g[..., None, :] - cost) / epsilon)
    rows = np.abs(plan.sum(-1) - a).sum(-1)
    return float(np.max(rows + np.abs(plan.sum(-2) - b).sum(-1)))

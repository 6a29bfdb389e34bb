"""Small least-squares problems on the host, in a box: for fits that grow by one row at a time.

Legend: R an upper triangle with as many rows as unknowns θ, z the transformed right-hand side,
‖Rθ − z‖² + rest the sum of squares of all rows; free the unknowns strictly inside the box.
"""

from collections.abc import Sequence
from math import hypot
from typing import Any

from linalgx.backend import default_namespace, host_array, svd

_EPS = 2.220446049250313e-16


def absorb(triangle: list[list[float]], row: Sequence[float], target: float) -> float:
    """Rotate a row into the triangle [R z], in place; return what it adds to the rest, squared."""
    v = [*row, target]
    for k, top in enumerate(triangle):
        if v[k] == 0.0:
            continue
        size = hypot(top[k], v[k])
        c, s = top[k] / size, v[k] / size
        for j in range(k, len(v)):
            top[j], v[j] = c * top[j] + s * v[j], c * v[j] - s * top[j]
    return v[-1] * v[-1]


def smallest_solution(r: Any, z: Any, rows: int) -> Any:
    """Least-squares solution of minimum norm; `rows` went into R, which sets its rank."""
    u, s, vh = svd(r, xp=default_namespace("numpy", None, None)[0])
    rank = int((s > max(rows, *r.shape) * _EPS * s[0]).sum())
    return ((z @ u[:, :rank]) / s[:rank]) @ vh[:rank]


def solution_in_box(r: Any, z: Any, limits: Any, start: Any, rows: int) -> Any:
    """Least-squares solution with |θⱼ| ≤ limitⱼ, by an active-set method from `start`.

    Solve for the free unknowns and go there, but not out of the box: who hits its wall stays
    there. When nobody does, free the one that pulls inward most; the solution is where none does.
    """
    theta = start.clip(-limits, limits)
    free = [j for j, (x, limit) in enumerate(zip(theta, limits, strict=True)) if abs(x) < limit]
    for _ in range(10 * len(limits)):
        if free:
            move = smallest_solution(r[:, free], z - r @ theta, rows)
            hit = _advance(theta, move, limits, free)
            if hit is not None:
                free.remove(hit)
                continue
        pull = (z - r @ theta) @ r
        inward = [(-pull[j] if theta[j] > 0.0 else pull[j], j) for j in range(len(limits))]
        noise = 100.0 * _EPS * float(abs(r).sum()) * float(abs(z).sum())
        best, j = max(((p, j) for p, j in inward if j not in free), default=(0.0, 0))
        if not best > noise:
            break
        free.append(j)
    return theta


def _advance(theta: Any, move: Any, limits: Any, free: list[int]) -> int | None:
    """Move the free unknowns up to the first wall; return who hit it."""
    share, hit = 1.0, None
    for j, step in zip(free, move.tolist(), strict=True):
        wall = limits[j] if step > 0.0 else -limits[j]
        if abs(step) * share > abs(wall - theta[j]):
            share, hit = abs(wall - theta[j]) / abs(step), j
    theta[free] += share * move
    if hit is not None:
        theta[hit] = limits[hit] if theta[hit] > 0.0 else -limits[hit]
    return hit


def sum_of_squares(r: Any, z: Any, theta: Any) -> float:
    """‖Rθ − z‖²."""
    gap = r @ theta - z
    return float(gap @ gap)


def as_system(triangle: list[list[float]]) -> tuple[Any, Any]:
    """R and z as host arrays."""
    table = host_array(triangle)
    return table[:, :-1], table[:, -1]

"""Which pairs of columns are made orthogonal, and in which order.

Legend: n columns; a round holds disjoint pairs p < q, which may be treated at once; one iteration
is all rounds that `iteration_pairs` returns: a sweep over all pairs, or one random matching, or one
random pair. X, Y are the two rows of players of a tournament of 2h.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx.backend import as_generator, host_integers
from linalgx.typing import Array, RNGLike

SWEEPS = 30
"""Most sweeps; six to ten are usual."""

# A random matching misses pairs, and a random pair misses a share 1/e of all in the time of a
# sweep, so the quadratic end-game is lost: both need up to three times the work.
RANDOM_SWEEPS = 3 * SWEEPS


def pivot_generator(rng: RNGLike) -> Any:
    """Return the generator that draws the pairs, which are needed on the host."""
    generator = as_generator(rng)
    if not hasattr(generator, "permutation"):
        raise TypeError("rng draws on the GPU; pivots are chosen on the host: pass an integer")
    return generator


def admit_block(block: int, rule: str, n: int) -> int:
    """Return the number of columns that are treated together."""
    block = admit_integer(block, "block", 2)
    if block > 2 and rule not in BLOCK_RULES:
        raise ValueError(f"block must be 2 with pivoting {rule!r}, got {block}")
    if block > max(n, 2):
        raise ValueError(f"block must lie in [2, {n}] for matrices of {n} columns, got {block}")
    return block


def iteration_pairs(rule: str, n: int, rng: RNGLike = None, block: int = 2) -> Array:
    """Return the pairs of one iteration, p < q, host integers of shape (rounds, width, 2).

    ``cyclic`` and ``permutation`` (n(n−1)/2, 1, 2), ``tournament`` (n−1 or for odd n n, n//2, 2),
    ``matching`` (1, n//2, 2), ``uniform`` (1, 1, 2). No pair exists for n < 2. Deterministic rules
    return the same read-only array again and again. For k = `block` > 2, ``uniform`` returns the
    pairs of one subset of k columns in order, (k(k−1)/2, 1, 2), and ``matching`` those of n//k
    disjoint ones, (k(k−1)/2, n//k, 2).
    """
    if rule in BLOCK_RULES:
        if n < 2:
            return _cyclic(n)
        parts = BLOCK_RULES[rule](n, block, rng)
        return parts[None] if block == 2 else parts[:, _cyclic(block)[:, 0, :]].swapaxes(0, 1)
    return PAIRS[rule](n, rng)


def sweep_length(rule: str, n: int, block: int = 2) -> int:
    """Return how many iterations treat n(n−1)/2 pairs or a few more."""
    pairs, inside = n * (n - 1) // 2, block * (block - 1) // 2
    treated = {"uniform": inside, "matching": inside * max(n // block, 1)}.get(rule, max(pairs, 1))
    return max(-(-pairs // treated), 1)


def default_limit(rule: str, n: int, block: int = 2) -> int:
    """Return the most iterations: thirty sweeps, or three times that work in random pairs."""
    sweeps = RANDOM_SWEEPS if rule in BLOCK_RULES else SWEEPS
    return sweeps * sweep_length(rule, n, block)


def random_subset(n: int, k: int, rng: RNGLike) -> Array:
    """Return k of the indices 0..n−1, ascending, each subset with the same probability."""
    generator = as_generator(rng)
    if k == 2:  # several times faster, and there are many
        p, q = int(generator.integers(n)), int(generator.integers(n - 1))
        return host_integers((q, p) if q < p else (p, q + 1))
    chosen = generator.choice(n, size=k, replace=False, shuffle=False)
    chosen.sort()
    return chosen


def random_partition(n: int, k: int, rng: RNGLike) -> Array:
    """Return n//k disjoint subsets of k indices, each ascending, shape (n//k, k).

    All such partitions have the same probability; n mod k indices stay out.
    """
    order = as_generator(rng).permutation(n)[: n - n % k]
    parts = order.reshape(n // k, k)
    parts.sort(axis=-1)
    return parts


@lru_cache(maxsize=16)
def _cyclic(n: int) -> Array:
    """All pairs, row by row."""
    pairs = host_integers([(p, q) for p in range(n) for q in range(p + 1, n)])
    return _frozen(pairs.reshape(-1, 1, 2))


@lru_cache(maxsize=16)
def _tournament(n: int) -> Array:
    """All pairs in rounds as of a tournament: X₀ stays, the others move on by one place."""
    h = (n + 1) // 2
    x, y = list(range(h)), list(range(h, 2 * h))
    rounds = []
    for _ in range(2 * h - 1):
        # For odd n the player n does not exist, and who meets it has a bye.
        met = [(min(p, q), max(p, q)) for p, q in zip(x, y, strict=True) if max(p, q) < n]
        rounds.append(met)
        x, y = ([*x[:1], y[0], *x[1:-1]], [*y[1:], x[-1]]) if h > 1 else (x, y)
    return _frozen(host_integers(rounds).reshape(len(rounds), n // 2, 2))


def _permutation(n: int, rng: RNGLike) -> Array:
    """All pairs in random order."""
    pairs = _cyclic(n)
    return pairs[as_generator(rng).permutation(pairs.shape[0])]


def _frozen(pairs: Array) -> Array:
    pairs.setflags(write=False)
    return pairs


PAIRS: dict[str, Callable[[int, RNGLike], Array]] = {
    "cyclic": lambda n, rng: _cyclic(n),
    "tournament": lambda n, rng: _tournament(n),
    "permutation": _permutation,
}
BLOCK_RULES: dict[str, Callable[[int, int, RNGLike], Array]] = {
    "uniform": lambda n, k, rng: random_subset(n, k, rng)[None, :],
    "matching": random_partition,
}
RULES = (*PAIRS, *BLOCK_RULES)

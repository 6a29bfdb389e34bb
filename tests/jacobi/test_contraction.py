"""The exact rate of the whole family: Γ falls by 1 − k(k−1)/(n(n−1)) a random block, on average.

By enumeration of all blocks to 13 digits, with unitary and with triangular matrices; by sampling
with the public functions.
"""

import warnings
from itertools import combinations
from math import comb, sqrt

import numpy as np
import pytest

import linalgx as lx
from linalgx.jacobi._pivoting import iteration_pairs
from linalgx.jacobi._triangular import Columns, Form, column_steps, form_steps

NAMESPACE = lx.backend.namespace_of(np.eye(2))
N = 8


def potential(b):
    """Γ by its definition."""
    return np.einsum("ii,ii", b, np.linalg.inv(b)).real - b.shape[-1]


def definite(n, *, complex_=False, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((2 * n, n))
    if complex_:
        a = a + 1j * rng.standard_normal((2 * n, n))
    d = 10.0 ** rng.uniform(-2, 2, n)  # the potential does not see the scaling
    return d * (a.conj().T @ a) * d[:, None]


def decaying(n):
    """B_ij = 2^−|i−j|, which has Γ = 2(n + 1)/3 − 4/3."""
    i = np.arange(n)
    return 0.5 ** np.abs(i[:, None] - i)


def in_order(block):
    return np.asarray(list(combinations(block, 2)))[:, None, :]


def rotated(b, blocks):
    """B with disjoint blocks made diagonal by eigenvectors."""
    v = np.eye(len(b), dtype=b.dtype)
    for block in blocks:
        at = np.ix_(block, block)
        v[at] = np.linalg.eigh(b[at])[1]
    return v.conj().T @ b @ v


def eliminated(b, blocks):
    """B with disjoint blocks made diagonal by triangular matrices, as `cholesky` does it."""
    for block in blocks:
        state = Form(b.copy(), np.eye(len(b), dtype=b.dtype), np.asarray(np.inf))
        b = form_steps(state, in_order(block), xp=NAMESPACE).b
    return b


def orthogonalized(b, blocks):
    """Do the same to the columns of a square root, as `qr` does it."""
    x = np.linalg.cholesky(b).conj()  # its rows are the columns of A with AᴴA = B
    for block in blocks:
        state = Columns(x.copy(), np.eye(len(b), dtype=b.dtype))
        x = column_steps(state, in_order(block), dead=0.0, xp=NAMESPACE).x
    return x.conj() @ x.T


WAYS = {"unitary": rotated, "triangular": eliminated, "Gram-Schmidt": orthogonalized}


def matchings(indices):
    """All ways to pair off an even number of indices."""
    if not indices:
        return [()]
    first, *others = indices
    return [
        ((first, q), *rest)
        for k, q in enumerate(others)
        for rest in matchings((*others[:k], *others[k + 1 :]))
    ]


@pytest.mark.parametrize("kernels", ["", "generic"])
@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("k", "factor"), [(2, 27 / 28), (3, 25 / 28), (4, 22 / 28)])
def test_all_blocks(way, k, factor, complex_, kernels, monkeypatch):
    monkeypatch.setenv("LINALGX_KERNELS", kernels)
    b = definite(N, complex_=complex_)
    found = [potential(WAYS[way](b, [block])) for block in combinations(range(N), k)]
    assert len(found) == comb(N, k)
    assert np.mean(found) / potential(b) == pytest.approx(factor, rel=1e-13)


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_all_perfect_matchings(way, complex_):
    b = definite(N, complex_=complex_, seed=1)
    every = matchings(tuple(range(N)))
    assert len(every) == 105
    found = [potential(WAYS[way](b, pairs)) for pairs in every]
    assert np.mean(found) / potential(b) == pytest.approx(6 / 7, rel=1e-13)


@pytest.mark.parametrize("way", WAYS)
def test_matchings_of_an_odd_number_leave_one_out(way):
    n = 7
    b = definite(n, seed=2)
    rests = [tuple(i for i in range(n) if i != out) for out in range(n)]
    found = [potential(WAYS[way](b, pairs)) for rest in rests for pairs in matchings(rest)]
    assert np.mean(found) / potential(b) == pytest.approx(1 - 1 / n, rel=1e-13)


@pytest.mark.parametrize("way", WAYS)
def test_partitions_into_blocks(way):
    """1 − (k − 1)/(n − 1) for blocks of k columns that cover all of them."""
    b = definite(N, seed=3)
    halves = [(0, *rest) for rest in combinations(range(1, N), 3)]
    pairs = [(half, tuple(set(range(N)) - set(half))) for half in halves]
    found = [potential(WAYS[way](b, [sorted(x) for x in blocks])) for blocks in pairs]
    assert np.mean(found) / potential(b) == pytest.approx(1 - 3 / 7, rel=1e-13)


def test_rounds_of_a_matching_are_done_at_once():
    """The generic code treats disjoint pairs together; the result is that of one by one."""
    b = definite(N, seed=4)
    met = iteration_pairs("matching", N, 0)
    eye = np.eye(N)
    one_by_one = form_steps(Form(b.copy(), eye.copy(), np.asarray(np.inf)), met, xp=NAMESPACE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINALGX_KERNELS", "generic")
        together = form_steps(Form(b, eye, np.asarray(np.inf)), met, xp=NAMESPACE)
    for one, other in zip(one_by_one, together, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-13 * np.abs(one).max())


# --- the public functions --------------------------------------------------------------------


def unfinished(function, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lx.ConvergenceWarning)
        return function(*args, **options)


def by_cholesky(b, **options):
    return unfinished(lx.jacobi.cholesky, b, **options).b


def by_qr(b, **options):
    q, _ = unfinished(lx.jacobi.qr, np.linalg.cholesky(b).conj().T, **options)
    return q.conj().T @ q


def by_svd(b, **options):
    u, _, _ = unfinished(lx.jacobi.svd, np.linalg.cholesky(b).conj().T, **options)
    return u.conj().T @ u


def by_eigh(b, **options):
    _, v = unfinished(lx.jacobi.eigh, b, **options)
    return v.conj().T @ b @ v


MEMBERS = {"cholesky": by_cholesky, "qr": by_qr, "svd": by_svd, "eigh": by_eigh}
SEEDS = 60


def sample(member, b, **options):
    """Γ after a run for every seed."""
    return np.asarray(
        [lx.jacobi.potential(MEMBERS[member](b, rng=seed, **options)) for seed in range(SEEDS)]
    )


def agrees(found, expected):
    """Whether a mean is within four standard errors; the seeds are fixed."""
    return abs(np.mean(found) - expected) < 4 * np.std(found) / sqrt(len(found))


@pytest.mark.parametrize("member", MEMBERS)
def test_three_hundred_and_sixty_uniform_pairs(member):
    """All four fall at one rate: Γ = 10 becomes (1 − 1/120)^360 Γ = 0.4917 on average."""
    b = decaying(16)
    assert lx.jacobi.potential(b) == pytest.approx(10.0, rel=1e-14)
    start = MEMBERS[member](b, pivoting="uniform", rng=0, maxiter=0)
    assert lx.jacobi.potential(start) == pytest.approx(10.0, rel=1e-12)
    found = sample(member, b, pivoting="uniform", maxiter=360)
    expected = 10.0 * (119 / 120) ** 360
    assert expected == pytest.approx(0.4917, abs=5e-5)
    assert agrees(found, expected)
    assert np.std(found) / sqrt(SEEDS) < 0.15 * expected  # so that the mean says something


@pytest.mark.parametrize("member", MEMBERS)
def test_rounds_of_random_matchings(member):
    b = decaying(16)
    found = sample(member, b, pivoting="matching", maxiter=20)
    assert agrees(found, 10.0 * (14 / 15) ** 20)


@pytest.mark.parametrize("pivoting", ["uniform", "matching"])
@pytest.mark.parametrize("member", ["cholesky", "qr"])
def test_larger_blocks(member, pivoting):
    n, k, steps = 12, 4, {"uniform": 20, "matching": 5}[pivoting]
    b = decaying(n)
    start = lx.jacobi.potential(b)
    rate = {"uniform": 1 - k * (k - 1) / (n * (n - 1)), "matching": 1 - (k - 1) / (n - 1)}
    found = sample(member, b, pivoting=pivoting, block=k, maxiter=steps)
    assert agrees(found, start * rate[pivoting] ** steps)


def watched(b, seed):
    """Γ and κ(H) of every intermediate matrix of a run, from the eigenvalues of H."""
    seen = []

    def look(state):
        d = 1 / np.sqrt(np.diagonal(state.x))
        w = np.linalg.eigvalsh(d * state.x * d[:, None])
        seen.append((np.sum((1 - w) ** 2 / w), w[-1] / w[0]))

    lx.jacobi.cholesky(b, pivoting="uniform", rng=seed, callback=look)
    return np.asarray(seen).T


def test_the_potential_is_a_supermartingale_that_bounds_the_condition():
    """κ(H) ≤ n(n + Γ) always, and Γ ≥ a Γ₀ at any time with probability at most 1/a."""
    n, grown = 8, []
    for seed in range(8):
        gamma, condition = watched(definite(n, seed=seed), seed)
        assert np.all(condition <= n * (n + gamma) * (1 + 1e-12))
        assert gamma[-1] < 1e-25 * gamma[0]
        grown.append(gamma.max() / gamma[0])
    assert np.mean(np.asarray(grown) >= 2.0) <= 0.5
    assert np.max(grown) < 12

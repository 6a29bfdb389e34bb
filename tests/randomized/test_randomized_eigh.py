"""Leading eigenpairs of Hermitian matrices, of both signs."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sparse

import linalgx as lx

METHODS = ("krylov", "subspace")
RULES = {
    "harmonic": 1.0 / np.arange(1, 61),
    "geometric": 0.8 ** np.arange(60),
    "step": np.where(np.arange(60) < 8, 1.0, 1e-3),
}


def indefinite(sizes, *, complex_=False, seed=0):
    """Host matrix with eigenvalues of given sizes and alternating signs."""
    rng = np.random.default_rng(seed)
    n = len(sizes)
    x = rng.standard_normal((n, n))
    q = np.linalg.qr(x + 1j * rng.standard_normal((n, n)) if complex_ else x)[0]
    a = (q * (sizes * (-1.0) ** np.arange(n))) @ q.conj().T
    return (a + a.conj().T) / 2


def left(a, result):
    return np.linalg.norm(a - (result.v * result.w) @ result.v.conj().T)


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_krylov_reaches_the_least_error(name, complex_):
    sizes = RULES[name]
    a = indefinite(sizes, complex_=complex_)
    for given in (a, sparse.csr_array(a), lx.LinearMap(a)):
        result = lx.randomized.eigh(given, 8, rng=0)
        assert result.converged
        wanted = np.sort((sizes * (-1.0) ** np.arange(60))[:8])
        np.testing.assert_allclose(result.w, wanted, rtol=1e-6)
        assert left(a, result) <= np.linalg.norm(sizes[8:]) * (1 + 1e-6)
        np.testing.assert_allclose(result.v.conj().T @ result.v, np.eye(8), atol=1e-12)
        gaps = np.linalg.norm(a @ result.v - result.v * result.w, axis=0)
        assert np.max(gaps) <= result.residual * (1 + 1e-6) + 1e-13


def test_on_every_leg(leg):
    a = indefinite(0.4 ** np.arange(20), complex_=leg.is_complex)
    result = lx.randomized.eigh(leg.asarray(a), 3, rng=0)
    w, v = (leg.to_numpy(x) for x in (result.w, result.v))
    assert w.dtype == leg.real_name
    np.testing.assert_allclose(w, [-0.4, 0.16, 1.0], rtol=1e-5)
    full, vectors = np.linalg.eigh(a)
    u = vectors[:, np.argsort(-np.abs(full))[:3]]
    assert np.linalg.norm(v @ v.conj().T - u @ u.conj().T) < 1e-3


@pytest.mark.parametrize("block_size", [1, 3, 5, None])
def test_copies_of_multiple_values_are_found(block_size):
    """Ten values 1, ten values −1."""
    sizes = np.r_[np.ones(20), 1.0 / np.arange(21, 81)]
    a = indefinite(sizes)
    result = lx.randomized.eigh(a, 20, block_size=block_size, rng=0)
    np.testing.assert_allclose(result.w, np.r_[-np.ones(10), np.ones(10)], rtol=1e-7)
    assert left(a, result) <= np.linalg.norm(sizes[20:]) * (1 + 1e-6)


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.parametrize("kind", ["stored", "operator"])
@pytest.mark.parametrize("method", METHODS)
def test_the_estimated_error_is_calibrated(method, kind):
    for name, sizes in RULES.items():
        a = indefinite(sizes)
        given = a if kind == "stored" else lx.LinearMap(a)
        ratios = []
        for seed in range(20):
            result = lx.randomized.eigh(given, 8, method=method, maxiter=3, rng=seed)
            ratios.append(result.error / left(a, result))
        assert sum(0.8 <= r <= 1.25 for r in ratios) >= 18, (name, sorted(ratios))


@pytest.mark.parametrize("method", METHODS)
def test_fewer_values_than_asked_for(method):
    v = np.linalg.qr(np.random.default_rng(0).standard_normal((20, 2)))[0]
    for a in ((v * [2.0, -1.0]) @ v.T, np.zeros((20, 20))):
        result = lx.randomized.eigh(a, 5, method=method, rng=0)
        assert result.converged
        assert left(a, result) < 1e-13
        assert result.error < 1e-13
        np.testing.assert_allclose(result.v.T @ result.v, np.eye(5), atol=1e-13)


def test_all_pairs():
    a = indefinite(np.arange(1.0, 8.0))
    for rank in (6, 7):
        result = lx.randomized.eigh(a, rank, rng=0)
        assert result.converged
        sizes = np.linalg.eigvalsh(a)
        np.testing.assert_allclose(result.w, sizes[np.abs(sizes) > 7.5 - rank], rtol=1e-10)


def test_products_are_counted():
    a = lx.LinearMap(indefinite(RULES["harmonic"]))
    with pytest.warns(lx.ConvergenceWarning):
        result = lx.randomized.eigh(a, 5, maxiter=2, rng=0)
    assert a.matmat_count == 5  # two, two more, and one for the error
    assert result.iterations == 2
    a = lx.LinearMap(indefinite(RULES["harmonic"]))
    lx.randomized.eigh(a, 5, method="subspace", rng=0)
    assert a.matmat_count == 7


def test_what_is_not_hermitian_is_refused():
    a = np.random.default_rng(0).standard_normal((20, 20))
    for given in (a, sparse.csr_array(a), lx.LinearMap(a)):
        with pytest.raises(ValueError, match="a must be Hermitian"):
            lx.randomized.eigh(given, 3, rng=0)
    with pytest.raises(ValueError, match=r"rank must lie in \[1, 20\] .* got 21"):
        lx.randomized.eigh(a + a.T, 21)


def test_batches_take_the_same_draws():
    a = np.stack([indefinite(0.5 ** np.arange(9), seed=k) for k in range(2)])
    result = lx.randomized.eigh(a, 3, rng=1)
    assert result.error.shape == (2,)
    for k in range(2):
        one = lx.randomized.eigh(a[k], 3, rng=1)
        np.testing.assert_allclose(result.v[k], one.v, atol=1e-12)


def test_late_blocks_of_rounding_errors_are_no_objection():
    """They are not Hermitian in units of their own size."""
    ones = np.ones((10, 10))
    for a in (
        ones,
        3.0 * np.eye(8)[:, :1] * np.eye(8)[:1, :],
        np.diag(10.0 ** -np.arange(0, 36, 2)),
    ):
        size, least = np.linalg.norm(a, 2), np.linalg.norm(np.linalg.eigvalsh(a)[:-3])
        for options in ({"block_size": 1}, {"rtol": 1e-15, "oversample": 2}):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", lx.ConvergenceWarning)
                result = lx.randomized.eigh(a, 3, rng=0, **options)
            assert left(a, result) <= least * (1 + 1e-6) + 1e-13 * size

"""Sign, eigendecomposition and singular value decomposition through the polar factor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import linalgx as lx
from linalgx.orthogonal import _divide
from linalgx.orthogonal.eigh import eigh, hermitian_eigh
from linalgx.orthogonal.sign import sign
from linalgx.orthogonal.svd import svd
from linalgx.testing import eigh_ratios, svd_ratios

SIZES = (0, 1, 2, 3, 5, 10, 50)


def with_spectrum(w, seed=0, dtype="float64"):
    """Hermitian matrix with the eigenvalues `w`, on the host."""
    q = np.asarray(lx.gallery.randsvd(len(w), cond=1.0, rng=seed, dtype=dtype))
    a = (q * np.asarray(w)) @ q.conj().T
    return (a + a.conj().T) / 2


def host_dtype(leg):
    return "complex128" if leg.is_complex else "float64"


def indefinite(leg, n, cond=100.0):
    w = np.geomspace(1, 1 / cond, n) * (-1.0) ** np.arange(n)
    return leg.asarray(with_spectrum(w, dtype=host_dtype(leg)))


def path_graph(n):
    """Adjacency matrix of a path: zero diagonal and, for odd n, the eigenvalue zero."""
    return np.eye(n, k=1) + np.eye(n, k=-1)


HARD = {
    "geometric": with_spectrum(np.geomspace(1, 1e-15, 60)),
    "arithmetic": with_spectrum(np.linspace(-1, 1, 61)),
    "one small": with_spectrum(np.r_[np.ones(59), 1e-8]),
    "one large": with_spectrum(np.r_[np.full(59, 1e-8), 1.0]),
    "two clusters": with_spectrum(np.r_[np.ones(30), -np.ones(30)]),
    "three clusters": with_spectrum(np.r_[np.ones(20), 1 + 1e-14 * np.arange(20), 2 * np.ones(20)]),
    "half rank": with_spectrum(np.r_[np.ones(30), np.zeros(30)]),
    "path": path_graph(61),
    "hilbert": lx.gallery.hilbert(60),
    "gram of kahan": lx.gallery.kahan(60).T @ lx.gallery.kahan(60),
    "identity": np.eye(60),
    "zero": np.zeros((60, 60)),
    "diagonal": np.diag(np.arange(60.0) - 20),
    "wilkinson": np.diag(np.abs(np.arange(61.0) - 30)) + path_graph(61),
    "complex": with_spectrum(np.linspace(-1, 2, 60), dtype="complex128"),
}


def is_sign(leg, s):
    """S = Sᴴ to the last bit, and S² = I."""
    host = leg.to_numpy(s)
    n = host.shape[-1]
    square = np.linalg.norm(host @ host - np.eye(n), axis=(-2, -1))
    hermitian = np.array_equal(host, np.conj(np.swapaxes(host, -1, -2)))
    return hermitian and np.all(square <= 5 * leg.eps * np.sqrt(n))


@pytest.mark.parametrize("n", SIZES)
def test_sign(leg, n):
    a = indefinite(leg, n)
    s = sign(a)
    assert leg.matches(s)
    assert s.dtype == a.dtype
    assert is_sign(leg, s)
    if n:
        assert np.trace(leg.to_numpy(s)).real == pytest.approx(n % 2, abs=1e-3)
        product = leg.to_numpy(s) @ leg.to_numpy(a)  # |A|, positive definite
        assert np.linalg.eigvalsh((product + product.conj().T) / 2)[0] > 0


@pytest.mark.parametrize("name", HARD)
def test_sign_of_hard_matrices(name):
    a = HARD[name]
    s = sign(a)
    n = len(a)
    assert np.array_equal(s, s.conj().T)
    assert np.linalg.norm(s @ s - np.eye(n)) < 5 * 2.3e-16 * np.sqrt(n)
    assert np.linalg.norm(s @ a - a @ s) <= 100 * 2.3e-16 * np.linalg.norm(a)
    w = np.linalg.eigvalsh(s @ a / 2 + (s @ a).conj().T / 2)
    assert w[0] >= -1e-14 * n * np.linalg.norm(a)


def test_sign_of_zero_is_plus_one(leg):
    for rank in (0, 1, 3, 5):
        w = np.r_[-np.ones(rank), np.zeros(6 - rank)]
        a = leg.asarray(np.diag(w))
        s = leg.to_numpy(sign(a))
        np.testing.assert_allclose(s, np.diag(np.where(w < 0, -1.0, 1.0)), atol=4 * leg.eps)
        turned = leg.asarray(with_spectrum(w, seed=rank, dtype=host_dtype(leg)))
        assert np.trace(leg.to_numpy(sign(turned))).real == pytest.approx(6 - 2 * rank, abs=1e-3)


def test_sign_of_batches(leg):
    stack = [with_spectrum(w, dtype=host_dtype(leg)) for w in ([1, -2, 3], [0, 0, 1], [0, 0, 0])]
    a = leg.asarray(np.stack(stack)[:, None])
    s = sign(a)
    assert s.shape == (3, 1, 3, 3)
    assert is_sign(leg, s)
    for k in range(3):
        one = leg.to_numpy(sign(a[k, 0, ...]))
        assert np.linalg.norm(leg.to_numpy(s)[k, 0] - one) < 50 * leg.eps
    assert sign(a[:0, ...]).shape == (0, 1, 3, 3)


@pytest.mark.parametrize("base", [4, 256])
@pytest.mark.parametrize("n", SIZES)
def test_eigh(leg, n, base):
    a = indefinite(leg, n)
    w, v = hermitian_eigh(a, base=base, xp=leg.xp)
    assert leg.matches(w)
    assert w.dtype == leg.real_dtype
    assert v.dtype == a.dtype
    assert max(eigh_ratios(a, w, v)) < 30


@pytest.mark.parametrize("name", HARD)
def test_eigh_of_hard_matrices(name):
    a = HARD[name]
    xp = lx.backend.namespace_of(a)
    w, v = hermitian_eigh(a, base=8, xp=xp)
    assert max(eigh_ratios(a, w, v)) < 30
    reference = np.linalg.eigvalsh(a)
    size = max(np.abs(reference).max(), 1e-300)
    assert np.abs(w - reference).max() < 1e-15 * len(a) * size


def test_recursion_divides(monkeypatch):
    """Nothing but small blocks may reach the library's own routine."""
    orders = []
    direct = _divide.eigh

    def watched(a, *, xp):
        orders.append(a.shape[0])
        return direct(a, xp=xp)

    monkeypatch.setattr(_divide, "eigh", watched)
    a = with_spectrum(np.linspace(-1, 1, 100))
    w, v = hermitian_eigh(a, base=20, xp=lx.backend.namespace_of(a))
    assert max(orders) <= 20
    assert sum(orders) == 100
    assert max(eigh_ratios(a, w, v)) < 30


def test_failed_division_falls_back(monkeypatch):
    """A useless polar factor must not reach the answer."""
    noise = np.random.default_rng(0)

    def broken(a, **_):
        return noise.standard_normal(a.shape), None

    monkeypatch.setattr(_divide, "polar", broken)
    a = with_spectrum(np.linspace(-1, 1, 30))
    assert max(eigh_ratios(a, *hermitian_eigh(a, base=4, xp=lx.backend.namespace_of(a)))) < 30
    monkeypatch.setattr(_divide, "polar", lambda a, **_: (a * float("nan"), None))
    assert max(eigh_ratios(a, *hermitian_eigh(a, base=4, xp=lx.backend.namespace_of(a)))) < 30


def test_eigh_above_the_base_size():
    a = with_spectrum(np.linspace(-1, 1, 300))
    w, v = eigh(a)
    assert max(eigh_ratios(a, w, v)) < 30
    np.testing.assert_allclose(w, np.linspace(-1, 1, 300), atol=1e-13)


@pytest.mark.parametrize("method", [eigh, svd])
def test_sign_convention(leg, method):
    a = indefinite(leg, 6)
    vectors = leg.to_numpy(method(a)[1 if method is eigh else 0])
    top = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    assert np.all(top.real > 0)
    assert np.all(np.abs(top.imag) < 4 * leg.eps)
    assert max((eigh_ratios if method is eigh else svd_ratios)(a, *method(a))) < 30


@pytest.mark.parametrize(
    "shape",
    [
        (0, 0),
        (0, 3),
        (3, 0),
        (1, 1),
        (2, 2),
        (5, 1),
        (1, 5),
        (10, 10),
        (50, 20),
        (2, 3, 5, 4),
        (0, 3, 3),
    ],
    ids=str,
)
def test_svd(leg, shape):
    a = leg.randn(*shape)
    u, s, vh = svd(a)
    k = min(shape[-2:])
    assert u.shape == (*shape[:-1], k)
    assert vh.shape == (*shape[:-2], k, shape[-1])
    assert s.dtype == leg.real_dtype
    assert max(svd_ratios(a, u, s, vh)) < 30


@pytest.mark.parametrize("mode", ["geometric", "one_small", "one_large", "clustered"])
@pytest.mark.parametrize("cond", [1e2, 1e8, 1e15])
def test_svd_spectra(mode, cond):
    a = lx.gallery.randsvd(60, 50, cond=cond, mode=mode, rng=0)
    u, s, vh = svd(a)
    assert max(svd_ratios(a, u, s, vh)) < 30
    assert np.abs(s - np.linalg.svd(a, compute_uv=False)).max() < 1e-14


@pytest.mark.parametrize(
    "a",
    [
        lx.gallery.hilbert(40),
        lx.gallery.kahan(40),
        lx.gallery.frank(40),
        lx.gallery.vandermonde(40),
        lx.gallery.triu_ones(40, rank=20),
        np.zeros((7, 5)),
        lx.gallery.spiked(60, 30, noise=0.0, rng=0),
    ],
    ids=["hilbert", "kahan", "frank", "vandermonde", "triu_ones", "zero", "low rank"],
)
def test_svd_of_hard_matrices(a):
    assert max(svd_ratios(a, *svd(a))) < 30
    assert max(svd_ratios(a.T, *svd(a.T))) < 30


@pytest.mark.parametrize("exponent", [-900, 900])
def test_scaling_is_exact(exponent):
    a = with_spectrum(np.linspace(-1, 2, 12))
    factor = 2.0**exponent
    w, v = eigh(a)
    scaled_w, scaled_v = eigh(a * factor)
    assert np.array_equal(scaled_w, w * factor)
    assert np.array_equal(scaled_v, v)
    assert np.array_equal(svd(a * factor).s, svd(a).s * factor)
    assert np.array_equal(sign(a * factor), sign(a))


@given(
    n=st.integers(1, 24),
    log_cond=st.floats(0, 15),
    positive=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_inertia(n, log_cond, positive, seed):
    """The trace of the sign counts eigenvalues, and eigh finds the same ones."""
    count = round(positive * n)
    signs = np.where(np.arange(n) < count, 1.0, -1.0)
    log_cond = min(log_cond, 11.0)
    a = with_spectrum(signs * np.geomspace(1, 10**-log_cond, n), seed)
    assert np.trace(sign(a)) == pytest.approx(2 * count - n, abs=1e-6)
    w = hermitian_eigh(a, base=3, xp=lx.backend.namespace_of(a))[0]
    assert np.sum(w > 0) == count


def test_gate():
    for function in (sign, eigh):
        with pytest.raises(ValueError, match="a must be Hermitian"):
            function(lx.gallery.triu_ones(3))
        with pytest.raises(ValueError, match="a must be square"):
            function(np.ones((2, 3)))
        with pytest.raises(ValueError, match="a must hold finite"):
            function(np.full((2, 2), np.inf))
    for function in (eigh, svd):
        with pytest.raises(ValueError, match="method must be one of 'qdwh', got 'jacobi'"):
            function(np.eye(2), method="jacobi")

"""The bidiagonal route to the polar factor: where it goes, how accurate it is, when it gives up."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.orthogonal import _bidiagonal_route, _svd_route
from linalgx.orthogonal._bidiagonal_route import bidiagonal_route

XP = lx.backend.namespace_of(np.zeros(1))
N = 150

pytestmark = pytest.mark.thread_unsafe(reason="changes modules and the environment")


@pytest.fixture(autouse=True)
def kernels(monkeypatch):
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)
    if not _bidiagonal_route.within_reach(xp=XP):
        pytest.skip("needs Numba")


@pytest.fixture
def without_svd(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the SVD was called")

    monkeypatch.setattr(_svd_route, "svd", refuse)


def check(a, u, p, orthogonality=5, backward=10):
    unit, n = np.finfo(a.dtype).eps, a.shape[1]
    a, u = a.astype(float), u.astype(float)
    assert np.linalg.norm(u.T @ u - np.eye(n)) <= orthogonality * unit * np.sqrt(n)
    limit = backward * unit * np.linalg.norm(a)
    if p is None:
        b = u.T @ a
        assert np.linalg.norm(b - b.T) <= 2 * limit
    else:
        np.testing.assert_array_equal(p, p.T)
        assert np.linalg.norm(a - u @ p.astype(float)) <= limit
        assert np.linalg.eigvalsh(p.astype(float))[0] >= -limit


def rng(seed):
    return np.random.default_rng(seed)


MATRICES = {
    "gaussian": lambda: rng(0).standard_normal((N, N)),
    "geometric 1e2": lambda: lx.gallery.randsvd(N, cond=1e2, rng=0),
    "geometric 1e15": lambda: lx.gallery.randsvd(N, cond=1e15, rng=0),
    "one small": lambda: lx.gallery.randsvd(N, cond=1e15, mode="one_small", rng=0),
    "one large": lambda: lx.gallery.randsvd(N, cond=1e15, mode="one_large", rng=0),
    "hilbert": lambda: lx.gallery.hilbert(N),
    "frank": lambda: lx.gallery.frank(N),
    "triu": lambda: np.triu(np.ones((N, N))),
    "half rank": lambda: rng(1).standard_normal((N, N // 2)) @ rng(2).standard_normal((N // 2, N)),
    "rank 3": lambda: rng(1).standard_normal((N, 3)) @ rng(2).standard_normal((3, N)),
    "rows graded": lambda: rng(3).standard_normal((N, N)) * np.geomspace(1, 1e-12, N)[:, None],
    "columns graded": lambda: rng(3).standard_normal((N, N)) * np.geomspace(1, 1e-12, N),
    "a column of zeros": lambda: rng(4).standard_normal((N, N)) * (np.arange(N) != 5),
    "sparse": lambda: (rng(5).random((N, N)) < 0.05) * 1.0,
    "permutation": lambda: np.eye(N)[::-1],
    "isometry": lambda: np.linalg.qr(rng(6).standard_normal((N, N)))[0],
    "indefinite": lambda: (x := rng(7).standard_normal((N, N))) + x.T,
    "tall": lambda: rng(8).standard_normal((N + 20, N)),
    "tall, singular": lambda: (
        rng(1).standard_normal((N + 20, 70)) @ rng(2).standard_normal((70, N))
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("name", MATRICES)
def test_every_kind_of_matrix_without_the_svd(without_svd, name, order, dtype):
    a = MATRICES[name]().astype(dtype, order=order)
    a.setflags(write=False)
    check(a, *lx.orthogonal.polar(a))
    check(a, *lx.orthogonal.polar(a, compute_p=False))


@pytest.mark.parametrize("name", ["ones", "kahan", "triangle", "vandermonde", "nilpotent"])
def test_structured_singular_matrices(name):
    n = 200
    triangle = np.triu(np.ones((n, n)))
    triangle[n // 2 :] = 0
    a = {
        "ones": np.ones((n, n)),
        "kahan": lx.gallery.kahan(n),
        "triangle": triangle,
        "vandermonde": lx.gallery.vandermonde(n),
        "nilpotent": np.eye(n, k=1),
    }[name]
    check(a, *lx.orthogonal.polar(a), backward=20)


@pytest.mark.parametrize("shape", [(N, N), (N + 20, N)])
def test_agrees_with_the_svd(without_svd, shape):
    a = lx.gallery.randsvd(*shape, cond=100.0, rng=0)
    u = lx.orthogonal.polar(a, compute_p=False).u
    w, _, vh = np.linalg.svd(a, full_matrices=False)
    # The condition number of U is 2/(σₙ + σₙ₋₁).
    np.testing.assert_allclose(u, w @ vh, rtol=0, atol=100 * 20 * 2.0**-52)


def test_negative_strides_and_batches(without_svd):
    a = rng(0).standard_normal((2, N, N))
    u = lx.orthogonal.polar(a, compute_p=False).u
    for k in range(2):
        np.testing.assert_allclose(u[k], lx.orthogonal.polar(a[k]).u, rtol=0, atol=1e-12)
        turned = lx.orthogonal.polar(a[k][::-1, ::-1]).u
        np.testing.assert_allclose(turned, u[k][::-1, ::-1], rtol=0, atol=1e-12)


def test_gives_up_where_it_must():
    """Nothing but zeros, a null space of exact structure, values out of reach, no numbers."""
    graded = np.diag(np.geomspace(1, 1e-300, N))
    for a in (np.zeros((N, N)), np.ones((N, N)), graded, np.full((N, N), np.nan)):
        assert bidiagonal_route(a, xp=XP) is None
    check(graded, *lx.orthogonal.polar(graded))
    with pytest.raises(lx.LinAlgError):
        lx.orthogonal.polar(np.full((N, N), np.nan), check_finite=False)


@pytest.mark.parametrize("factor", [0.1, -1.0, 3.0, np.nan])
def test_a_wrong_function_is_repaired(monkeypatch, factor):
    """Whatever comes out of the route is polished and certified."""
    right = _bidiagonal_route.weights

    def wrong(lower, single):
        m, a, c = right(lower, single)
        a = a.copy()
        a[len(a) // 2 :] *= factor
        return m, a, c

    monkeypatch.setattr(_bidiagonal_route, "weights", wrong)
    a = lx.gallery.randsvd(N, cond=1e8, rng=0)
    with np.errstate(invalid="ignore"):
        check(a, *lx.orthogonal.polar(a), backward=20)


def test_generic_code_agrees(monkeypatch):
    a = lx.gallery.randsvd(N, cond=1e3, rng=0)
    u, p = lx.orthogonal.polar(a)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    assert not _bidiagonal_route.within_reach(xp=XP)
    v, q = lx.orthogonal.polar(a)
    assert np.any(u != v)  # another route
    np.testing.assert_allclose(u, v, rtol=0, atol=1e-11)
    np.testing.assert_allclose(p, q, rtol=0, atol=1e-13)

"""Factorizations behave alike on every backend, in what they return and in how they fail."""

import numpy as np
import pytest

import linalgx as lx
import linalgx.backend as seam


def norm(x):
    return float(np.linalg.norm(x))


def spd(leg, n, batch=(), seed=0):
    b = leg._randn(*batch, n, n, seed=seed)
    return leg.asarray(b @ np.conj(np.swapaxes(b, -1, -2)) + n * np.eye(n))


BATCHES = [(), (2, 3), (0,)]


@pytest.mark.parametrize("batch", BATCHES, ids=str)
class TestReconstruction:
    """Each factorization rebuilds its matrix, one by one and in batches."""

    def test_svd(self, seam_leg, batch):
        xp, a = seam_leg.xp, seam_leg.randn(*batch, 5, 3)
        u, s, vh = seam.svd(a, xp=xp)
        assert s.dtype == seam_leg.real_dtype
        assert norm(seam_leg.to_numpy((u * xp.astype(s, u.dtype)[..., None, :]) @ vh - a)) < (
            100 * seam_leg.eps
        )
        np.testing.assert_allclose(
            seam_leg.to_numpy(seam.svdvals(a, xp=xp)), seam_leg.to_numpy(s), rtol=1e-4
        )

    def test_eigh(self, seam_leg, batch):
        xp, a = seam_leg.xp, spd(seam_leg, 4, batch)
        w, v = seam.eigh(a, xp=xp)
        rebuilt = (v * xp.astype(w, v.dtype)[..., None, :]) @ seam.adjoint(v, xp=xp)
        assert norm(seam_leg.to_numpy(rebuilt - a)) < 1000 * seam_leg.eps
        assert np.all(np.diff(seam_leg.to_numpy(w), axis=-1) >= 0)

    def test_qr(self, seam_leg, batch):
        a = seam_leg.randn(*batch, 5, 3)
        q, r = seam.qr(a, xp=seam_leg.xp)
        assert tuple(q.shape[-2:]) == (5, 3)
        assert norm(seam_leg.to_numpy(q @ r - a)) < 100 * seam_leg.eps

    def test_cholesky(self, seam_leg, batch):
        xp, a = seam_leg.xp, spd(seam_leg, 4, batch)
        factor = seam.cholesky(a, xp=xp)
        assert norm(seam_leg.to_numpy(factor @ seam.adjoint(factor, xp=xp) - a)) < (
            1000 * seam_leg.eps
        )
        assert norm(np.triu(seam_leg.to_numpy(factor), 1)) == 0.0

    def test_inverse_and_solve(self, seam_leg, batch):
        xp, a = seam_leg.xp, spd(seam_leg, 4, batch)
        b = seam_leg.randn(*batch, 4, 2, seed=1)
        x = seam.solve(a, b, xp=xp)
        assert norm(seam_leg.to_numpy(a @ x - b)) < 1000 * seam_leg.eps
        assert norm(seam_leg.to_numpy(seam.inv(a, xp=xp) @ b - x)) < 1000 * seam_leg.eps


@pytest.mark.parametrize("adjoint", [False, True], ids=["plain", "adjoint"])
@pytest.mark.parametrize("lower", [False, True], ids=["upper", "lower"])
class TestTriangular:
    """``t x = b`` and ``tᴴ x = b``, with junk in the triangle that does not count."""

    def solve(self, leg, t, b, lower, adjoint):
        x = seam.solve_triangular(
            leg.asarray(t), leg.asarray(b), lower=lower, adjoint=adjoint, xp=leg.xp
        )
        assert leg.matches(x)
        assert x.dtype == leg.dtype
        t = np.tril(t) if lower else np.triu(t)
        t = np.conj(np.swapaxes(t, -1, -2)) if adjoint else t
        assert norm(t @ leg.to_numpy(x) - b) < 1000 * leg.eps
        return x

    def operands(self, leg, t_batch=(), b_batch=()):
        t = leg._randn(*t_batch, 5, 5) + 5 * np.eye(5)
        return t, leg._randn(*b_batch, 5, 2, seed=1)

    def test_one_matrix(self, seam_leg, lower, adjoint):
        self.solve(seam_leg, *self.operands(seam_leg), lower, adjoint)

    @pytest.mark.parametrize(
        ("t_batch", "b_batch"), [((2, 3), (2, 3)), ((), (2,)), ((2,), ()), ((0,), (0,))], ids=str
    )
    def test_batches(self, seam_leg, lower, adjoint, t_batch, b_batch):
        t, b = self.operands(seam_leg, t_batch, b_batch)
        x = self.solve(seam_leg, t, b, lower, adjoint)
        assert tuple(x.shape[:-2]) == np.broadcast_shapes(t_batch, b_batch)

    def test_no_rows(self, seam_leg, lower, adjoint):
        self.solve(seam_leg, np.zeros((0, 0)), np.zeros((0, 2)), lower, adjoint)

    def test_fortran_order(self, lower, adjoint):
        rng = np.random.default_rng(0)
        t = np.asfortranarray(rng.standard_normal((5, 5)) + 5 * np.eye(5))
        b = rng.standard_normal((2, 5)).T[::-1]
        x = seam.solve_triangular(t, b, lower=lower, adjoint=adjoint, xp=seam.namespace_of(t))
        triangle = np.tril(t) if lower else np.triu(t)
        assert norm((triangle.T if adjoint else triangle) @ x - b) < 1e-13

    def test_singular(self, seam_leg, lower, adjoint):
        t = seam_leg.asarray(np.diag([1.0, 0.0, 2.0]))
        b = seam_leg.asarray(np.ones((3, 1)))
        with pytest.raises(lx.LinAlgError, match=r"failed"):
            seam.solve_triangular(t, b, lower=lower, adjoint=adjoint, xp=seam_leg.xp)


INDEFINITE = [[1.0, 2.0], [2.0, 1.0]]
SINGULAR = [[1.0, 2.0], [2.0, 4.0]]
UNKNOWN = [[np.nan, 1.0], [1.0, 1.0]]
INFINITE = [[np.inf, 1.0], [1.0, 1.0]]
FAILURES = {
    "cholesky of an indefinite matrix": (INDEFINITE, lambda a, xp: seam.cholesky(a, xp=xp)),
    "cholesky of zero": (np.zeros((2, 2)), lambda a, xp: seam.cholesky(a, xp=xp)),
    "cholesky of NaN": (UNKNOWN, lambda a, xp: seam.cholesky(a, xp=xp)),
    "inverse of a singular matrix": (SINGULAR, lambda a, xp: seam.inv(a, xp=xp)),
    "solution of a singular system": (SINGULAR, lambda a, xp: seam.solve(a, a, xp=xp)),
    "svd of NaN": (UNKNOWN, lambda a, xp: seam.svd(a, xp=xp)),
    "svd of Inf": (INFINITE, lambda a, xp: seam.svd(a, xp=xp)),
    "eigh of NaN": (UNKNOWN, lambda a, xp: seam.eigh(a, xp=xp)),
    "eigh of Inf": (INFINITE, lambda a, xp: seam.eigh(a, xp=xp)),
    "singular values of NaN": (UNKNOWN, lambda a, xp: seam.svdvals(a, xp=xp)),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failure_is_one_error(seam_leg, case):
    """Also when only one matrix of a batch is bad."""
    host, run = FAILURES[case]
    with pytest.raises(lx.LinAlgError, match="failed"):
        run(seam_leg.asarray(host), seam_leg.xp)
    with pytest.raises(lx.LinAlgError, match="failed"):
        run(seam_leg.asarray(np.stack([np.eye(2), host])), seam_leg.xp)


LARGE = 60  # above the order from which NumPy matrices go to LAPACK directly


class TestLarge:
    """Large NumPy matrices take a shorter way to LAPACK; nothing else may differ."""

    @pytest.mark.parametrize("layout", ["C", "Fortran", "strided", "negative"])
    @pytest.mark.parametrize("shape", [(LARGE, LARGE), (LARGE + 9, LARGE), (LARGE, LARGE + 9)])
    def test_svd(self, seam_leg, shape, layout):
        if not seam_leg.name.startswith("numpy") and layout != "C":
            return
        host = LAYOUTS[layout](seam_leg._randn(*shape).astype(seam_leg.dtype_name))
        a = host if seam_leg.name.startswith("numpy") else seam_leg.asarray(host)
        before, xp = host.copy(), seam_leg.xp
        u, s, vh = (seam_leg.to_numpy(x) for x in seam.svd(a, xp=xp))
        assert u.dtype == vh.dtype == seam_leg.dtype_name
        assert s.dtype == seam_leg.real_name
        assert norm((u * s) @ vh - host) < 1e4 * seam_leg.eps
        assert norm(np.conj(u.T) @ u - np.eye(LARGE)) < 1e3 * seam_leg.eps
        np.testing.assert_array_equal(seam_leg.to_numpy(a), before)

    @pytest.mark.parametrize("layout", ["C", "Fortran"])
    def test_eigh(self, seam_leg, layout):
        host = LAYOUTS[layout](seam_leg.to_numpy(spd(seam_leg, LARGE)).copy())
        a = host if seam_leg.name.startswith("numpy") else seam_leg.asarray(host)
        before = host.copy()
        w, v = (seam_leg.to_numpy(x) for x in seam.eigh(a, xp=seam_leg.xp))
        assert v.dtype == seam_leg.dtype_name
        assert w.dtype == seam_leg.real_name
        assert norm((v * w) @ np.conj(v.T) - host) < 100 * seam_leg.eps * norm(host)
        np.testing.assert_array_equal(seam_leg.to_numpy(a), before)

    def test_pivots(self, seam_leg):
        sizes = seam.lu_pivots(seam_leg.asarray(np.diag([1.0, 1e-3, 2.0])), xp=seam_leg.xp)
        if sizes is not None:
            np.testing.assert_allclose(np.sort(sizes), [1e-3, 1.0, 2.0], rtol=1e-6)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_failure(self, seam_leg, bad):
        host = np.eye(LARGE)
        host[3, 3] = bad
        for run in (seam.svd, seam.eigh):
            with pytest.raises(lx.LinAlgError, match="failed"):
                run(seam_leg.asarray(host), xp=seam_leg.xp)


def test_the_error_is_numpys():
    assert lx.LinAlgError is np.linalg.LinAlgError


def test_pivoted_qr(seam_leg):
    a = seam_leg.randn(5, 3)
    q, r, p = seam.qr_pivoted(a, xp=seam_leg.xp)
    assert seam_leg.matches(q) and seam_leg.matches(r) and seam_leg.matches(p)
    assert q.dtype == r.dtype == seam_leg.dtype
    order = seam_leg.to_numpy(p)
    gap = seam_leg.to_numpy(q @ r) - seam_leg.to_numpy(a)[:, order]
    assert norm(gap) < 100 * seam_leg.eps
    diagonal = np.abs(np.diagonal(seam_leg.to_numpy(r)))
    assert np.all(np.diff(diagonal) <= 100 * seam_leg.eps)


LAYOUTS = {
    "C": lambda a: a,
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=-1), 2, axis=-2)[..., ::2, ::2],
    "negative": lambda a: a[..., ::-1, ::-1],
    "transposed": lambda a: np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2),
}


class TestProducts:
    """Products that are Hermitian in exact arithmetic are so to the last bit."""

    @pytest.mark.parametrize("shape", [(5, 3), (3, 5), (1, 4), (4, 1), (0, 3), (2, 3, 6, 4)])
    def test_gram_is_hermitian(self, seam_leg, shape):
        a = seam_leg.randn(*shape)
        g = seam_leg.to_numpy(seam.gram(a, xp=seam_leg.xp))
        host = seam_leg.to_numpy(a)
        np.testing.assert_array_equal(g, np.conj(g.swapaxes(-1, -2)))
        assert norm(g - np.conj(host.swapaxes(-1, -2)) @ host) < 100 * seam_leg.eps

    @pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("shape", [(40, 17), (2, 33, 9)], ids=str)
    def test_gram_of_any_layout(self, dtype, layout, shape):
        a = np.random.default_rng(0).standard_normal(shape).astype(dtype)
        a = LAYOUTS[layout](a * (1 + 1j if dtype == "complex128" else 1))
        g = seam.gram(a, xp=seam.namespace_of(a))
        np.testing.assert_array_equal(g, np.conj(g.swapaxes(-1, -2)))

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("layout", ["C", "Fortran"])
    def test_square_is_symmetric_on_numpy(self, dtype, layout):
        a = np.random.default_rng(0).standard_normal((40, 17)).astype(dtype)
        g = LAYOUTS[layout](a.T @ a)
        square = seam.hermitian_square(g, xp=seam.namespace_of(g))
        np.testing.assert_array_equal(square, square.T)

    def test_square(self, seam_leg):
        g = spd(seam_leg, 4, (2,))
        square = seam_leg.to_numpy(seam.hermitian_square(g, xp=seam_leg.xp))
        host = seam_leg.to_numpy(g)
        assert norm(square - host @ host) < 1e4 * seam_leg.eps

    def test_hermitian_part(self, seam_leg):
        b = seam_leg.randn(2, 4, 4)
        h = seam_leg.to_numpy(seam.hermitian(b, xp=seam_leg.xp))
        np.testing.assert_array_equal(h, np.conj(h.swapaxes(-1, -2)))

    def test_adjoint(self, seam_leg):
        a = seam_leg.randn(2, 3, 4)
        ah = seam_leg.to_numpy(seam.adjoint(a, xp=seam_leg.xp))
        np.testing.assert_array_equal(ah, np.conj(seam_leg.to_numpy(a).swapaxes(-1, -2)))

    def test_adjoint_of_real_numbers_is_a_view(self):
        a = np.ones((2, 3))
        assert np.shares_memory(seam.adjoint(a, xp=seam.namespace_of(a)), a)


@pytest.mark.parametrize("n", [5, 60])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_decompositions_refuse_what_is_not_finite(leg, n, bad):
    """LAPACK lets some of these pass, and does not return from others."""
    host = np.eye(n)
    host[0, 0] = bad
    for factorization in (seam.svd, seam.svdvals, seam.eigh):
        with pytest.raises(lx.LinAlgError, match="NaN or infinite"):
            factorization(leg.asarray(host), xp=leg.xp)


def test_host_floats_of_tensors_with_gradients():
    torch = pytest.importorskip("torch")
    assert seam.host_float(torch.ones((), requires_grad=True)) == 1.0
    a = torch.eye(3, dtype=torch.float64, requires_grad=True)
    import array_api_compat.torch as xp

    assert (seam.lu_pivots(a, xp=xp) == 1.0).all()

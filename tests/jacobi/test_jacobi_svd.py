"""Singular values to the last digits, hard matrices, limits and observers of `jacobi.svd`.

The reference values were computed once in 120-digit arithmetic from the float64 or float32 entries.
"""

from math import factorial

import numpy as np
import pytest

import linalgx as lx
from linalgx.jacobi._columns import orthogonal_columns
from linalgx.results import Status

N = 32


def graded(seed=0, dtype="float64"):
    """B D with D from 1e-20 to 1 in random order."""
    rng = np.random.default_rng(seed)
    b, d = rng.standard_normal((N, N)), rng.permutation(np.logspace(-20, 0, N))
    return (b * d).astype(dtype)


def graded_twice():
    """D₁ B D₂, singular values over 34 decades."""
    rng = np.random.default_rng(1)
    b = rng.standard_normal((N, N))
    d = [rng.permutation(np.logspace(-17, 0, N)) for _ in range(2)]
    return (d[0][:, None] * b) * d[1]


def companion(n=20):
    """Companion matrix of the Taylor polynomial of exp."""
    a = np.diag(np.ones(n - 1), -1)
    a[0] = [-factorial(n) / factorial(k) for k in range(n - 1, -1, -1)]
    return a


COLUMNS_64 = (
    *(5.209940216018121, 1.313264225474756, 0.28803362160527535, 0.0555684810872118),
    *(0.01470708525442642, 0.0027193243937599877, 0.0007127059524754016, 0.0001816522136470093),
    *(3.216541050117889e-05, 5.931095014351631e-06, 1.1070594526926119e-06, 5.093555688221171e-07),
    *(
        1.0070693697402081e-07,
        1.6119560348426937e-08,
        3.1518431717240206e-09,
        6.460488692025277e-10,
    ),
    *(2.0766869801322732e-10, 3.446626848383992e-11, 7.061889925963807e-12, 2.0084416810275303e-12),
    *(2.283261551243016e-13, 7.997043543921043e-14, 2.6957896679426914e-14, 3.296666529378782e-15),
    *(
        1.3640089071691778e-15,
        1.1357632298746322e-16,
        5.2331493329972694e-17,
        1.5126145063403832e-17,
    ),
    *(
        1.2896254884884894e-18,
        1.8836087303215265e-19,
        8.029548516325211e-20,
        2.0715772060149204e-20,
    ),
)
COLUMNS_32 = (
    *(5.209940282672486, 1.3132642205911988, 0.2880336226014231, 0.05556848093307682),
    *(0.014707085302176504, 0.002719324403297052, 0.0007127059410016194, 0.00018165221120767733),
    *(3.216541090459457e-05, 5.931094981664699e-06, 1.107059446272416e-06, 5.093555591310701e-07),
    *(
        1.0070693735822095e-07,
        1.6119560177267158e-08,
        3.1518431414520904e-09,
        6.460488670575975e-10,
    ),
    *(2.0766869950695232e-10, 3.446626826260475e-11, 7.061889864284062e-12, 2.008441658740162e-12),
    *(2.283261537666244e-13, 7.997043800001454e-14, 2.6957896166261062e-14, 3.2966664873017315e-15),
    *(
        1.3640088843089565e-15,
        1.1357632142286682e-16,
        5.2331493555036806e-17,
        1.512614481134588e-17,
    ),
    *(
        1.2896254952816097e-18,
        1.8836085596045885e-19,
        8.029548952800075e-20,
        2.0715772278367855e-20,
    ),
)
BOTH_SIDES = (
    *(1.3764640965653678, 0.06443934629979568, 0.01805336302391362, 0.0028667770253563854),
    *(0.00010104558828330656, 2.8913575066618065e-06, 4.801139443813246e-07, 1.760189214552089e-08),
    *(1.7575401377623889e-09, 1.0099580667669544e-09, 1.392224110479738e-10, 9.723927542597815e-12),
    *(2.0518024895496454e-13, 3.023013425376958e-14, 8.468456224942831e-16, 1.0647651189714026e-16),
    *(2.460126086077794e-18, 5.323623360703204e-19, 6.787124538109524e-20, 5.565992635237324e-21),
    *(
        1.474024220145386e-21,
        1.2910459273854937e-23,
        5.4449235253297294e-24,
        2.0484007048022275e-25,
    ),
    *(1.1750402629647414e-26, 9.42121707830168e-28, 3.7658351080974156e-28, 1.728833708918992e-29),
    *(5.190558590013383e-31, 2.477637881764242e-31, 4.990365217710158e-33, 1.3166850854809305e-33),
)


def relative_error(s, reference, eps):
    """Largest relative error in units of eps."""
    s, reference = np.sort(np.asarray(s, dtype=np.float64)), np.sort(np.asarray(reference))
    return float(np.max(np.abs(s - reference) / reference)) / eps


def cells(leg):
    """Matrices of a leg in double or single precision, with references."""
    if leg.real_name == "float32":
        return {"B D": (graded(dtype="float32"), COLUMNS_32)}
    return {"B D": (graded(), COLUMNS_64)}


def test_the_accuracy_that_is_promised(leg):
    """Every singular value of B D, D B, and on both sides graded D₁ B D₂, one matrix each."""
    a, reference = cells(leg)["B D"]
    for matrix in (a, a.T):
        u, s, vh = lx.jacobi.svd(leg.asarray(matrix))
        assert relative_error(leg.to_numpy(s), reference, leg.eps) < 50
        assert max(lx.testing.svd_ratios(leg.asarray(matrix), u, s, vh)) < 30
    if leg.real_name == "float64":
        s = lx.jacobi.svd(leg.asarray(graded_twice())).s
        assert relative_error(leg.to_numpy(s), BOTH_SIDES, leg.eps) < 500
    # The library's svd has no digit right.
    lost = np.linalg.svd(a, compute_uv=False)
    assert relative_error(lost, reference, leg.eps) > 1 / leg.eps


def test_batches_are_as_accurate_for_one_graded_side(leg):
    a, reference = cells(leg)["B D"]
    for matrix in (a, a.T):
        s = leg.to_numpy(lx.jacobi.svd(leg.asarray(matrix[None]), compute_uv=False).s)
        assert relative_error(s[0], reference, leg.eps) < 50


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_companion_matrix_of_exp(dtype):
    s = lx.jacobi.svd(companion().astype(dtype)).s
    eps = np.finfo(dtype).eps
    assert abs(float(s[-1]) - 0.66232641487188833) <= 50 * eps * 0.66232641487188833
    assert abs(float(np.linalg.svd(companion())[1][-1]) - 0.6623) > 0.1


HARD = {
    "zero": np.zeros((6, 4)),
    "one entry": np.eye(6, 4, k=-2) * [0, 3, 0, 0],
    "rank one": np.outer(np.arange(1.0, 7.0), np.arange(1.0, 5.0)),
    "identical columns": np.ones((9, 9)),
    "zero row": np.vstack([np.zeros(8), np.random.default_rng(0).standard_normal((7, 8))]),
    "orthogonal": np.linalg.qr(np.random.default_rng(1).standard_normal((15, 15)))[0],
    "ties": np.diag([3.0, 1.0, 1.0, 2.0, 2.0, 0.0]),
    "kahan": np.asarray(lx.gallery.kahan(24)),
    "hilbert": np.asarray(lx.gallery.hilbert(16)),
    "wilkinson": np.diag(np.abs(np.arange(-10.0, 11.0))) + np.eye(21, k=1) + np.eye(21, k=-1),
    "wide": np.random.default_rng(2).standard_normal((3, 11)),
    "permutation": np.eye(12)[::-1] * np.resize([1.0, -1.0], 12) + 1e-9,
    "hadamard": np.kron(np.kron([[1, 1], [1, -1.0]], [[1, 1], [1, -1.0]]), [[1, 1], [1, -1.0]])
    * np.logspace(0, -12, 8),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_matrices(leg, name):
    a = leg.asarray(HARD[name])
    for x in (a, leg.asarray(np.stack([HARD[name], 2 * HARD[name]]))):
        u, s, vh = lx.jacobi.svd(x)
        assert max(lx.testing.svd_ratios(x, u, s, vh)) < 30


@pytest.mark.parametrize("shape", [(64, 64), (90, 61), (50, 120)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
@pytest.mark.parametrize("decades", [1, 5, 9])
def test_large_matrices(shape, dtype, decades):
    """The ways with a start, and without one where the condition number is too large for it."""
    rng = np.random.default_rng(3)
    a = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    a = (a if dtype.startswith("c") else a.real).astype(dtype)
    a = (a * np.logspace(0, -decades, shape[1])).astype(dtype)
    u, s, vh = lx.jacobi.svd(a)
    assert max(lx.testing.svd_ratios(a, u, s, vh)) < 30
    assert u.dtype == dtype
    eps = np.finfo(dtype).eps
    rotated = lx.jacobi.svd(a, callback=lambda state: None)
    np.testing.assert_allclose(rotated.s, s, rtol=100 * eps)
    np.testing.assert_allclose(lx.jacobi.svd(a, compute_uv=False).s, s, rtol=100 * eps)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 16])
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_many_tiny_matrices(n, dtype):
    """The compiled batch, with rank-deficient, zero, huge and tiny members."""
    rng = np.random.default_rng(4)
    a = rng.standard_normal((70, n, n)) + 1j * rng.standard_normal((70, n, n))
    a = (a if dtype.startswith("c") else a.real).astype(dtype)
    a[3], a[4], a[6, 0], a[7, :, -1] = 0, 1, 0, a[7, :, 0]
    size = 1e30 if dtype == "float32" else 1e150
    a[8] *= size
    a[9] /= size
    for x in (a, a[:, : max(n - 1, 1)], a[:, :, : max(n - 1, 1)]):
        u, s, vh = lx.jacobi.svd(x)
        assert max(lx.testing.svd_ratios(x, u, s, vh)) < 30
        one = lx.jacobi.svd(x[10])
        for many, alone in zip((u, s, vh), one, strict=True):
            np.testing.assert_allclose(many[10], alone, atol=500 * np.finfo(dtype).eps, rtol=0)
        gap = np.abs(lx.jacobi.svd(x, compute_uv=False).s - s)
        assert np.all(gap <= 100 * np.finfo(dtype).eps * s[:, :1])


def test_limits_return_partial_factors(leg):
    """A = U S Vᴴ holds after each sweep."""
    a = leg.randn(6, 6)
    seen = []
    for k in range(3):
        with pytest.warns(lx.ConvergenceWarning):
            u, s, vh = lx.jacobi.svd(a, maxiter=k, callback=seen.append)
        assert lx.testing.svd_ratios(a, u, s, vh).residual < 30
    residuals = [state.residual for state in seen[-3:]]
    assert [state.k for state in seen[-3:]] == [0, 1, 2]
    assert residuals[2] < residuals[0]


def test_a_callback_may_stop():
    def stop(state):
        if state.k == 1:
            raise StopIteration

    a = np.random.default_rng(5).standard_normal((10, 10))
    u, s, vh = lx.jacobi.svd(a, callback=stop)
    assert lx.testing.svd_ratios(a, u, s, vh).residual < 30


@pytest.mark.parametrize("rule", ["cyclic", "tournament", "permutation", "uniform", "matching"])
def test_every_rule_makes_columns_orthogonal(leg, rule):
    """G = G₀ V, and the norms are the singular values."""
    g = leg.randn(7, 5)
    tol = 3 * leg.eps
    found = orthogonal_columns(
        g,
        accumulate=True,
        pivoting=rule,
        tol=tol,
        maxiter=None,
        rng=0,
        callback=None,
        xp=leg.xp,
    )
    assert found.status is Status.CONVERGED
    assert found.cosine <= 2 * tol
    new, v, old = (leg.to_numpy(x) for x in (found.g, found.v, g))
    unit = leg.eps * np.linalg.norm(old)
    assert np.max(np.abs(old @ v - new)) < 20 * unit
    s = np.sort(np.linalg.norm(new, axis=0))[::-1]
    assert np.max(np.abs(s - np.linalg.svd(old, compute_uv=False))) < 20 * unit


def test_uniform_and_matching_count_blocks_and_rounds():
    """Both take more iterations than sweeps, and one seed gives one answer."""
    a = np.random.default_rng(6).standard_normal((6, 6))
    counts = {}
    for rule in ("uniform", "matching", "cyclic"):
        seen = []
        first = lx.jacobi.svd(a, pivoting=rule, rng=1, callback=seen.append)
        again = lx.jacobi.svd(a, pivoting=rule, rng=1)
        np.testing.assert_array_equal(first.u, again.u)
        counts[rule] = seen[-1].k
    assert counts["uniform"] > counts["matching"] > counts["cyclic"]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("decades", [10, 40])
def test_tiny_batches_keep_small_columns(decades, dtype):
    """The smaller of two columns may come first; det A is known, and so is the product of σ."""
    rng = np.random.default_rng(8)
    b = rng.standard_normal((80, 2, 2)) + 1j * rng.standard_normal((80, 2, 2))
    b = (b if dtype.startswith("c") else b.real).astype(dtype)
    det = np.abs(b[:, 0, 0] * b[:, 1, 1] - b[:, 0, 1] * b[:, 1, 0])
    for power in (0, decades):
        d = np.ldexp(1.0, -np.asarray([3 * decades - power, power]))
        for a in (b * d, b * d[:, None]):
            s = lx.jacobi.svd(a).s
            product = np.ldexp(s[:, 0] * s[:, 1], 3 * decades)
            well = det > 0.1
            np.testing.assert_allclose(product[well], det[well], rtol=200 * 2.0**-52)


def test_tiny_batches_leave_extreme_matrices_to_the_general_way():
    """Rows and columns over 30 decades each; squares of their products would underflow."""
    rng = np.random.default_rng(9)
    b, d = rng.standard_normal((3, 3)), np.logspace(-40, 0, 3)
    hard = d[[1, 0, 2], None] * b * d
    a = np.concatenate([rng.standard_normal((70, 3, 3)), hard[None]])
    for many, one in zip(lx.jacobi.svd(a), lx.jacobi.svd(hard), strict=True):
        np.testing.assert_allclose(many[70], one, rtol=0, atol=1e-14)
    np.testing.assert_allclose(lx.jacobi.svd(a).s[70], lx.jacobi.svd(hard).s, rtol=50 * 2.0**-52)
    values = lx.jacobi.svd(a, compute_uv=False).s[70]
    np.testing.assert_allclose(values, lx.jacobi.svd(hard).s, rtol=50 * 2.0**-52)


def crowded(dtype="float64"):
    """More columns than there is room for: rows of zeros, and graded ones."""
    b = np.random.default_rng(10).standard_normal((20, 18))
    gaps, graded_rows = b.copy(), b * np.logspace(0, -20, 20)[:, None]
    gaps[::2] = 0
    return {"gaps": gaps.astype(dtype), "ones": np.ones((33, 33), dtype), "D B": graded_rows}


@pytest.mark.parametrize("pivoting", ["auto", "cyclic"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex64"])
def test_columns_without_room_vanish(pivoting, dtype):
    """They become shorter with each sweep; what is left of them is neither NaN nor a vector."""
    for name, a in crowded(dtype).items():
        for x in (a, a.T):
            found = lx.jacobi.svd(x, pivoting=pivoting)
            assert max(lx.testing.svd_ratios(x, *found)) < 30, name


@pytest.mark.parametrize("accumulate", [True, False])
def test_named_rules_turn_the_columns_themselves(accumulate):
    """The observer sees A at first, up to a power of two, and what it saw does not change."""
    a = np.random.default_rng(11).standard_normal((7, 4))
    seen = []
    for x in (a, a.T):
        lx.jacobi.svd(x, pivoting="cyclic", compute_uv=accumulate, callback=seen.append)
    for state in (s for s in seen if s.k == 0):
        np.testing.assert_array_equal(np.abs(state.x / a), np.abs(state.x / a)[0, 0])


def test_nan_is_not_a_small_column(leg):
    """A comparison must not turn NaN into zeros."""
    a = leg._randn(2, 4, 3)
    a[1, 2, 2] = np.nan
    for pivoting in ("auto", "tournament", "matching"):
        with np.errstate(all="ignore"), pytest.raises((lx.LinAlgError, AssertionError)):
            s = lx.jacobi.svd(leg.asarray(a), pivoting=pivoting, rng=0, check_finite=False).s
            assert np.all(np.isfinite(leg.to_numpy(s)))


@pytest.mark.parametrize("shape", [(5, 5), (60, 60), (70, 3, 3), (2, 6, 4)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_never_passes(shape, value):
    a = np.random.default_rng(7).standard_normal(shape)
    a[..., 2, 1] = value
    with np.errstate(all="ignore"), pytest.raises(np.linalg.LinAlgError):
        lx.jacobi.svd(a, check_finite=False)

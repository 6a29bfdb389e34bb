"""Two-sided Jacobi: exact anchors, relative accuracy, rates, and the matrices of LAPACK's tests."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import linalgx as lx
from linalgx.backend import real_dtype

RULES = ("cyclic", "tournament", "permutation", "uniform", "matching")

# A_ij = 2^-(e p_i + e p_j + |i-j|), p_i = 7 i mod 32, n = 32: eigenvalues of 60-digit arithmetic.
DOUBLE = """
2.8211864402919319e-38 4.513898304467091e-37 7.2222372871473456e-36 1.1555579659435753e-34
1.8488927455097205e-33 2.9582283928155527e-32 5.9164567836474588e-31 9.015553200283766e-30
1.4424885120454026e-28 2.3079816192726441e-27 3.6927705908362306e-26 5.9084329453379689e-25
9.4534927125407502e-24 1.5881867761018131e-22 2.5112035611088431e-21 4.0179256977741489e-20
6.4286811164386382e-19 1.0285889786301821e-17 1.6457423658082914e-16 2.6331877852932662e-15
4.2632564145606011e-14 6.801206485549809e-13 1.0881930376879694e-11 1.7411088603007537e-10
2.7857741764812049e-9 5.931404459248467e-8 9.4902471347981419e-7 1.5243884792204897e-5
0.00024390122295081299 0.003906236242524897 0.062500034583405958 1.0000002394227422
"""
SINGLE = """
1.3010299009610532e-19 5.2041196038442126e-19 2.081647841537685e-18 8.3265913661507402e-18
3.3306365464602961e-17 1.3322546185841184e-16 6.6612364991442594e-16 2.5376422869344465e-15
1.0150569147737786e-14 4.0602276590951145e-14 1.6240910636380458e-13 6.4963642545521831e-13
2.5985457018208733e-12 1.0913936418733769e-11 4.3142102775779593e-11 1.7256841110311837e-10
6.9027364441247348e-10 2.7610945776498939e-9 1.104437831305241e-8 4.4177513252209642e-8
1.7881393436731909e-7 7.1315187095202254e-7 2.8526074838080905e-6 1.1410429936399198e-5
4.5641719744289097e-5 0.00024294863412197732 0.00097179453686747058 0.0039024676786549204
0.015610030865381688 0.062502631859457412 0.25001184151144408 1.000030762621087
"""


def decay(n):
    """H_ij = 2^-|i-j|, of condition 9."""
    i = np.arange(n)
    return np.ldexp(1.0, -np.abs(i[:, None] - i))


def graded(h, powers):
    """D H D with D = 2^powers, exact in binary."""
    powers = np.asarray(powers)
    return np.ldexp(h, powers[:, None] + powers)


def anchor(leg):
    """The anchor of a precision: matrix of the leg, reference."""
    single = leg.real_name == "float32"
    p = 7 * np.arange(32) % 32
    return leg.asarray(graded(decay(32), -(1 if single else 2) * p)), np.array(
        (SINGLE if single else DOUBLE).split(), dtype=float
    )


def worst(w, expected):
    """Largest relative error."""
    return float(np.max(np.abs(np.asarray(w, dtype=float) - expected) / np.abs(expected)))


def below(a, x):
    """Number of eigenvalues of a real symmetric matrix below x, by exact elimination."""
    rest = [[Fraction(v) for v in row] for row in a.tolist()]
    for i, row in enumerate(rest):
        row[i] -= x
    count = 0
    while rest:
        (pivot, *top), *others = rest
        count += pivot < 0
        rest = [
            [v - row[0] * t / pivot for v, t in zip(row[1:], top, strict=True)] for row in others
        ]
    return count


def right_to(a, w, tolerance):
    """Whether every eigenvalue of `a` is within a relative tolerance of its place in `w`."""
    for k, value in enumerate(sorted(map(float, w))):
        value, part = Fraction(value), Fraction(tolerance) * abs(Fraction(value))
        if not (below(a, value - part) <= k < below(a, value + part)):
            return False
    return True


def b_of(a, v):
    return np.conj(v.T) @ a @ v


def off2(b):
    return float(np.sum(np.abs(b - np.diag(np.diagonal(b))) ** 2))


def symmetric(leg, n, seed=0):
    a = leg._randn(n, n, seed=seed)
    return leg.asarray((a + a.conj().T) / 2)


# --- relative accuracy ------------------------------------------------------------------------


def test_the_exact_anchor(leg):
    """Where LAPACK's error is 1e20, and some of its eigenvalues are negative."""
    a, expected = anchor(leg)
    w, v = lx.jacobi.eigh(a)
    assert worst(leg.to_numpy(w), expected) <= 50 * leg.eps
    assert max(lx.testing.eigh_ratios(a, w, v)) < 30
    direct = np.linalg.eigvalsh(leg.to_numpy(a))
    assert worst(direct, expected) > 1e6 * leg.eps


@pytest.mark.parametrize("options", [{"pivoting": rule} for rule in RULES] + [{"block_size": 5}])
def test_all_orders_keep_the_small_eigenvalues(options):
    p = 7 * np.arange(32) % 32
    w, _ = lx.jacobi.eigh(graded(decay(32), -2 * p), rng=0, **options)
    assert worst(w, np.array(DOUBLE.split(), dtype=float)) <= 50 * 2.0**-52


def test_whole_arrays_keep_the_small_eigenvalues(leg, monkeypatch):
    """Without kernels, both ways; a small part of the anchor, judged by exact arithmetic."""
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    step = 4 if leg.real_name == "float32" else 9
    a = graded(decay(6), -step * (5 * np.arange(6) % 6))
    for options in ({}, {"pivoting": "tournament"}, {"pivoting": "matching", "rng": 0}):
        w, _ = lx.jacobi.eigh(leg.asarray(a), **options)
        assert right_to(a, leg.to_numpy(w), 50 * leg.eps)


@pytest.mark.parametrize("spread", [0, 10, 20, 60])
@pytest.mark.parametrize("cond", [1e0, 1e2, 1e6])
def test_scaling_does_not_matter(spread, cond):
    """The error of D H D is that of H, for the condition number of H and any D, in any order."""
    n = 8
    rng = np.random.default_rng([spread, int(cond)])
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    h = (q * np.geomspace(1.0, 1 / cond, n)) @ q.T
    root = np.sqrt(np.diagonal(h))
    h = h / root / root[:, None]
    h = (h + h.T) / 2
    a = graded(h, rng.permutation(np.linspace(-spread, 0, n).round().astype(int)))
    tolerance = 10 * n * 2.0**-52 * np.linalg.cond(h)
    assert right_to(a, lx.jacobi.eigh(a).w, tolerance)
    assert right_to(a, lx.jacobi.eigh(a, pivoting="cyclic").w, tolerance)


def test_complex_graded_matrices():
    """A diagonal of phases turns a real matrix into a complex one with the same eigenvalues."""
    a = graded(decay(9), -11 * (4 * np.arange(9) % 9))
    phase = np.array([1, 1j, -1, -1j, 1j, 1, -1j, -1, 1j])
    for options in ({}, {"pivoting": "cyclic"}, {"pivoting": "tournament"}):
        w, v = lx.jacobi.eigh(a * phase * np.conj(phase)[:, None], **options)
        assert right_to(a, w, 50 * 2.0**-52)
        assert max(lx.testing.eigh_ratios(a * phase * np.conj(phase)[:, None], w, v)) < 30


def test_batches_of_tiny_graded_matrices():
    """The compiled kernel for tiny matrices has the same accuracy."""
    rng = np.random.default_rng(0)
    for n in (2, 3, 5):
        a = np.stack([graded(decay(n), rng.integers(-50, 50, n)) for _ in range(80)])
        w = lx.jacobi.eigh(a).w
        assert np.all(w > 0)
        assert all(right_to(a[k], w[k], 20 * 2.0**-52) for k in range(0, 80, 4))


def test_single_precision_down_to_the_smallest_numbers():
    """Entries of 1e-38 beside 1: neither the scaling nor the rotations lose them."""
    a = graded(decay(3), [0, -31, -62]).astype(np.float32)
    for options in ({}, {"pivoting": "cyclic"}, {"pivoting": "tournament"}):
        for size in (1.0, 2.0**60, 2.0**100):
            w, _ = lx.jacobi.eigh((a * np.float32(size)).astype(np.float32), **options)
            assert right_to(a, w.astype(float) / size, 20 * 2.0**-23)


def test_indefinite_but_scaled_diagonally_dominant():
    sign = np.array([1, -1, -1, 1, -1, 1, 1, -1])
    h = np.diag(sign) + 0.05 * (decay(8) - np.eye(8))
    a = graded(h, -9 * (3 * np.arange(8) % 8))
    for options in ({}, {"pivoting": "tournament"}, {"block_size": 2}):
        w, _ = lx.jacobi.eigh(a, **options)
        assert np.sum(w < 0) == 4
        assert right_to(a, w, 100 * 2.0**-52)


def test_large_definite_matrices():
    """Above the order from which a fast decomposition starts the rotations."""
    n = 120
    a = graded(decay(n), -(37 * np.arange(n) % n) // 4)
    w, v = lx.jacobi.eigh(a)
    expected, _ = lx.jacobi.eigh(a, pivoting="cyclic")
    assert np.all(w > 0)
    assert worst(w, expected) <= 100 * 2.0**-52
    assert max(lx.testing.eigh_ratios(a, w, v)) < 30


def test_large_indefinite_matrices(leg, monkeypatch):
    """Rows of one size start with a fast decomposition."""
    monkeypatch.setattr("linalgx.jacobi._indefinite.LARGE", 20)
    a = symmetric(leg, 24)
    w, v = lx.jacobi.eigh(a)
    assert max(lx.testing.eigh_ratios(a, w, v)) < 30


@pytest.mark.parametrize("blocked", [1000, 40])
def test_large_graded_indefinite_matrices(monkeypatch, blocked):
    """Graded ones never do, in pairs or blocks."""
    monkeypatch.setattr("linalgx.jacobi._indefinite.LARGE", 20)
    monkeypatch.setattr("linalgx.jacobi._indefinite.BLOCKED", blocked)
    monkeypatch.setattr("linalgx.jacobi._indefinite.BLOCK", 8)
    n = 50
    h = np.diag((-1.0) ** np.arange(n)) + 0.05 * (decay(n) - np.eye(n))
    a = graded(h, -(17 * np.arange(n) % n))
    w, v = lx.jacobi.eigh(a)
    expected, _ = lx.jacobi.eigh(a, pivoting="tournament")
    assert worst(w, expected) <= 50 * 2.0**-52
    assert np.sum(w < 0) == n // 2
    assert max(lx.testing.eigh_ratios(a, w, v)) < 30


# --- matrices with known difficulties ---------------------------------------------------------


def named(n=12):
    """Host matrices by name."""
    rng = np.random.default_rng(3)
    one = np.zeros((n, n))
    one[3, 3] = -2.0
    x = rng.standard_normal(n)
    hadamard = np.ones((1, 1))
    while len(hadamard) < 16:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    spikes = (q * np.r_[1e6, 1e5, np.ones(n - 2)]) @ q.T
    order = rng.permutation(n)
    signs = np.eye(n)[order] * rng.choice([-1.0, 1.0], n)
    nearly = signs + 1e-9 * rng.standard_normal((n, n))
    k = np.arange(1, n + 1)
    gauss = rng.standard_normal((n, n))
    return {
        "gauss": gauss,
        "zero": np.zeros((n, n)),
        "one entry": one,
        "rank one": np.outer(x, x),
        "ones": np.ones((n, n)),
        "reflection": np.eye(n) - 2 * np.outer(x, x) / (x @ x),
        "ties": np.diag(np.array([2.0, -1.0, 2.0, 0.0] * (n // 4))),
        "swap": np.fliplr(np.eye(n)),
        "wilkinson": np.diag(np.abs(np.arange(-10.0, 11))) + np.eye(21, k=1) + np.eye(21, k=-1),
        "hilbert": 1.0 / (k[:, None] + k - 1),
        "hadamard": hadamard * np.outer(np.geomspace(1, 1e-6, 16), np.geomspace(1, 1e-6, 16)),
        "spikes": spikes,
        "nearly signed permutation": nearly,
        "odd": gauss[:-3, :-3],
    }


def test_ratios_of_named_matrices(leg):
    for name, host in named(12 if leg.library == "numpy" else 4).items():
        if host.shape[0] > 12 and leg.library != "numpy":
            continue  # slow
        a = leg.asarray((host + host.T) / 2)
        for options in ({}, {"accuracy": "absolute", "pivoting": "tournament"}):
            w, v = lx.jacobi.eigh(a, **options)
            assert max(lx.testing.eigh_ratios(a, w, v)) < 30, (name, options)


@pytest.mark.parametrize(
    "options",
    [
        {"block_size": 3},
        {"accuracy": "absolute"},
        *({"pivoting": rule, "rng": 0} for rule in RULES),
    ],
    ids=str,
)
def test_ratios_of_named_matrices_by_all_ways(options):
    for name, host in named().items():
        a = (host + host.T) / 2
        assert max(lx.testing.eigh_ratios(a, *lx.jacobi.eigh(a, **options))) < 30, name


def test_wilkinson_pairs():
    w = lx.jacobi.eigh(named()["wilkinson"]).w
    assert abs(w[-1] - 10.746194182903393) <= 20 * 10 * 2.0**-52
    assert abs(w[-1] - w[-2]) <= 1e-13


@pytest.mark.parametrize("size", [1e-150, 1e150])
def test_scales_of_the_anchor(size):
    a = graded(decay(5), [0, -3, -70, -40, -10])
    scale = 2.0 ** round(np.log2(size))
    np.testing.assert_array_equal(lx.jacobi.eigh(scale * a).w, scale * lx.jacobi.eigh(a).w)


def test_semidefinite_matrices_have_no_large_negative_eigenvalue(leg):
    x = leg._randn(9, 3)
    a = leg.asarray(x @ x.conj().T)
    w, v = lx.jacobi.eigh(a)
    assert max(lx.testing.eigh_ratios(a, w, v)) < 30
    assert np.sum(np.abs(leg.to_numpy(w)) > 100 * leg.eps) == 3


def test_the_parts_of_a_block_matrix_stay_apart(leg):
    """Zeros are never filled: the vectors of one block are exactly zero in the other."""
    a = np.zeros((6, 6))
    a[:3, :3], a[3:, 3:] = decay(3) + 3 * np.eye(3), decay(3)
    v = leg.to_numpy(lx.jacobi.eigh(leg.asarray(a)).v)
    assert np.all((np.abs(v[:3]).max(axis=0) == 0) | (np.abs(v[3:]).max(axis=0) == 0))


def test_the_sign_convention(leg):
    v = leg.to_numpy(lx.jacobi.eigh(symmetric(leg, 6)).v)
    big = v[np.argmax(np.abs(v), axis=0), np.arange(6)]
    assert np.all(big.real > 0)
    np.testing.assert_allclose(big.imag, 0, atol=2 * leg.eps)


# --- rates, limits, observers -----------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
def test_one_uniform_iteration_is_one_rotation(leg):
    """Two vectors change, and the square of the off-norm falls by the two entries that vanish."""
    a = symmetric(leg, 5)
    host = leg.to_numpy(a)
    v = leg.to_numpy(lx.jacobi.eigh(a, pivoting="uniform", maxiter=1, rng=4).v)
    touched = np.sum(np.abs(v) > 0, axis=0) == 2
    assert np.sum(touched) == 2
    p, q = np.flatnonzero(np.abs(v[:, touched][:, 0]) > 0)
    gain = off2(host) - off2(b_of(host, v))
    assert abs(gain - 2 * abs(host[p, q]) ** 2) <= 100 * leg.eps * off2(host)


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.parametrize(
    ("options", "rate"),
    [
        ({"pivoting": "uniform"}, 1 - 2 / 56),
        ({"pivoting": "matching"}, 1 - 1 / 7),
        ({"pivoting": "uniform", "block_size": 2}, 1 - 12 / 56),
        ({"pivoting": "matching", "block_size": 2}, 1 - 3 / 7),
    ],
    ids=str,
)
def test_the_expected_rate_of_random_pivots(options, rate):
    """E off² falls by exactly this factor; the mean of 600 draws is within four deviations."""
    a = symmetric(NUMPY, 8)
    rng = np.random.default_rng(7)
    ratios = []
    for _ in range(600):
        v = lx.jacobi.eigh(a, maxiter=1, rng=rng, **options).v
        ratios.append(off2(b_of(a, v)) / off2(a))
    assert abs(np.mean(ratios) - rate) <= 4 * np.std(ratios) / 600**0.5
    assert np.std(ratios) > 0


class NUMPY:
    """Draws without a leg."""

    @staticmethod
    def _randn(*shape, seed=0):
        return np.random.default_rng(seed).standard_normal(shape)

    asarray = staticmethod(np.asarray)


@pytest.mark.parametrize(
    "options", [{}, {"pivoting": "matching", "rng": 0}, {"block_size": 2}], ids=str
)
@pytest.mark.parametrize("definite", [False, True])
def test_partial_factors(leg, options, definite):
    """V is unitary, and w the diagonal of VᴴAV, which is not yet diagonal."""
    host = decay(8) if definite else leg.to_numpy(symmetric(leg, 8))
    a = leg.asarray(host)
    with pytest.warns(lx.ConvergenceWarning, match="limit"):
        w, v = lx.jacobi.eigh(a, maxiter=1, **options)
    w, v = leg.to_numpy(w), leg.to_numpy(v)
    np.testing.assert_allclose(np.conj(v.T) @ v, np.eye(8), atol=30 * leg.eps)
    np.testing.assert_allclose(w, np.diagonal(b_of(host, v)).real, atol=60 * leg.eps)
    assert np.all(np.diff(w) >= 0)
    assert off2(b_of(host, v)) > 1e-6 * off2(host)


def test_no_iterations_at_all(leg):
    a = symmetric(leg, 4)
    with pytest.warns(lx.ConvergenceWarning):
        w, v = lx.jacobi.eigh(a, maxiter=0)
    np.testing.assert_array_equal(leg.to_numpy(w), np.sort(np.diagonal(leg.to_numpy(a)).real))
    assert np.sum(leg.to_numpy(v) != 0) == 4


@pytest.mark.parametrize("options", [{}, {"pivoting": "tournament"}, {"block_size": 4}], ids=str)
def test_the_observer_sees_quadratic_convergence(options):
    seen = []
    lx.jacobi.eigh(symmetric(NUMPY, 24), callback=lambda s: seen.append(s.residual), **options)
    assert 4 <= len(seen) <= 14
    assert all(y <= x for x, y in pairwise(seen))
    # Sweeps square what is left, once it is small.
    assert all(y <= max(x**1.5, 1e-13) for x, y in pairwise(seen) if x < 1e-2)


@pytest.mark.parametrize("pivoting", ["auto", "cyclic"])
def test_what_an_observer_saw_does_not_change(pivoting):
    a, seen = decay(6), []
    lx.jacobi.eigh(a, pivoting=pivoting, callback=seen.append)
    states = [np.abs(state.x / np.max(np.abs(state.x))) for state in seen]
    assert all(np.any(x != y) for x, y in pairwise(states[:4]))


def test_the_factors_so_far(leg):
    """A stop is no failure: no warning, unitary vectors."""

    def stop(state):
        if state.k == 1:
            raise StopIteration

    for host in (decay(6), leg.to_numpy(symmetric(leg, 6))):
        _, v = lx.jacobi.eigh(leg.asarray(host), callback=stop)
        v = leg.to_numpy(v)
        np.testing.assert_allclose(np.conj(v.T) @ v, np.eye(6), atol=30 * leg.eps)


def test_one_seed_one_answer_everywhere(leg):
    """Pairs are drawn on the host, and alike for the matrices of a batch."""
    host = symmetric(NUMPY, 6)
    expected = lx.jacobi.eigh(host, pivoting="matching", rng=3).v
    a = leg.asarray(np.stack([host, host]))
    v = leg.to_numpy(lx.jacobi.eigh(a, pivoting="matching", rng=3).v)
    np.testing.assert_allclose(v[0], expected, atol=500 * leg.eps)
    np.testing.assert_array_equal(v[0], v[1])


# --- dispatch ---------------------------------------------------------------------------------


def test_absolute_accuracy_uses_the_library(monkeypatch):
    a = symmetric(NUMPY, 40)
    w, _ = np.linalg.eigh(a)
    np.testing.assert_allclose(lx.jacobi.eigh(a, accuracy="absolute").w, w, atol=1e-13)


def test_mixed_batches():
    """One indefinite matrix among definite ones; each as if it were alone."""
    a = np.stack([graded(decay(4), [0, -30, -60, -10]), np.diag([1.0, -1.0, 2.0, 0.0])])
    w = lx.jacobi.eigh(a).w
    assert right_to(a[0], w[0], 20 * 2.0**-52)
    np.testing.assert_array_equal(w[1], [-1, 0, 1, 2])


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"maxiter": -1}, ValueError, "maxiter must be at least 0"),
        ({"maxiter": 1.5}, TypeError, "maxiter must be an integer"),
        ({"block_size": -2}, ValueError, "block_size must be at least 0"),
        ({"rng": "seed"}, (TypeError, ValueError), "rng must be"),
    ],
)
def test_options_are_checked(options, error, match):
    with pytest.raises(error, match=match):
        lx.jacobi.eigh(np.eye(3) + 1.0, pivoting="uniform", **options)


def test_precision_is_kept(leg):
    w, v = lx.jacobi.eigh(symmetric(leg, 3))
    assert w.dtype == real_dtype(v, xp=leg.xp) == leg.real_dtype

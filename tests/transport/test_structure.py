"""Patterns that carry plans, and entries that take part: against small linear programs."""

import numpy as np
import pytest
from scipy.optimize import linprog

from linalgx.backend import distinct_patterns
from linalgx.transport._structure import require_feasible, structure, unmatched


def largest_entry(allowed, r, c, entry):
    """Largest value of one entry over all plans, by linear programming; None without a plan."""
    n, m = allowed.shape
    rows = np.kron(np.eye(n), np.ones((1, m)))
    columns = np.kron(np.ones((1, n)), np.eye(m))
    bounds = [(0, None if ok else 0) for ok in allowed.ravel()]
    goal = np.zeros((n, m))
    goal[entry] = -1.0
    found = linprog(goal.ravel(), np.empty((0, n * m)), [], np.vstack([rows, columns]),
                    np.concatenate([r, c]), bounds)  # fmt: skip
    return None if found.status == 2 else -found.fun


def patterns(count, n, m, density, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((count, n, m)) < density


@pytest.mark.parametrize("density", [0.3, 0.5, 0.7])
def test_used_entries_of_unit_sums(density):
    for allowed in patterns(12, 4, 4, density):
        allowed = allowed | np.eye(4, dtype=bool)[:, [1, 0, 2, 3]]
        found = structure(allowed, None, None)
        for entry in np.argwhere(allowed):
            most = largest_entry(allowed, np.ones(4), np.ones(4), tuple(entry))
            assert found.used[tuple(entry)] == (most > 1e-9)
        assert not np.any(found.used & ~allowed)


@pytest.mark.parametrize("unit", [1.0, 0.1], ids=["whole", "not whole"])
@pytest.mark.parametrize("density", [0.5, 0.8])
def test_used_entries_of_other_sums(density, unit):
    rng = np.random.default_rng(1)
    plans = 0
    for allowed in patterns(25, 3, 4, density):
        r = rng.multinomial(9, [1 / 3] * 3) + 1
        c = rng.multinomial(8, [1 / 4] * 4) + 1
        found = structure(allowed, r * unit, c * unit)
        known = largest_entry(allowed, r, c, (0, 0))
        assert (found is None) == (known is None)
        if found is None:
            assert "row" in unmatched(allowed, r * unit, c * unit)
            continue
        plans += 1
        for entry in np.argwhere(allowed):
            most = largest_entry(allowed, r, c, tuple(entry))
            if unit == 1.0:
                assert found.used[tuple(entry)] == (most > 1e-9)
            elif most > 1e-9:  # sums that only rounding makes unequal may count as unequal
                assert found.used[tuple(entry)]
    assert plans > 3


def test_components_of_the_used_entries():
    """Two blocks, permuted; the entry between them is on no perfect matching."""
    allowed = np.array([[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 1], [0, 1, 0, 1]], dtype=bool)
    found = structure(allowed, None, None)
    expected = allowed.copy()
    expected[2, 3] = expected[3, 1] = False
    np.testing.assert_array_equal(found.used, expected)
    assert found.rows[0] == found.rows[2] == found.columns[0] == found.columns[2]
    assert len({found.rows[0], found.rows[1], found.rows[3]}) == 3


@pytest.mark.parametrize("density", [0.2, 0.4, 0.6])
def test_feasibility_agrees_with_linear_programming(density):
    rng = np.random.default_rng(2)
    seen = set()
    for allowed in patterns(30, 5, 6, density):
        a, b = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(6))
        known = largest_entry(allowed, a, b, (0, 0)) is not None
        seen.add(known)
        if known:
            require_feasible(allowed, a, b)
        else:
            with pytest.raises(ValueError, match=r"cost leaves no plan: .*row.* of mass"):
                require_feasible(allowed, a, b)
    assert False in seen


def test_the_message_names_the_rows_and_both_masses():
    allowed = np.array([[1, 1, 1], [1, 0, 0], [1, 0, 0]], dtype=bool)
    with pytest.raises(ValueError, match=r"the 2 rows 1, 2 of mass 0.6 .* take 0.5 only"):
        require_feasible(allowed, np.array([0.4, 0.3, 0.3]), np.array([0.5, 0.25, 0.25]))
    require_feasible(allowed, np.array([0.5, 0.25, 0.25]), np.array([0.5, 0.25, 0.25]))
    # Bins without mass count for nothing.
    allowed[2, 0] = False
    require_feasible(allowed, np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.25, 0.25]))
    with pytest.raises(ValueError, match="row 1 of mass"):
        require_feasible(allowed, np.array([0.5, 0.5, 0.0]), np.array([0.4, 0.35, 0.25]))


def test_tight_sums_are_no_violation_and_small_ones_are():
    """0.1 + 0.2 is not 0.3; a surplus of a millionth is one."""
    allowed = np.array([[1, 0], [1, 0], [0, 1]], dtype=bool)
    require_feasible(allowed, np.array([0.1, 0.2, 0.7]), np.array([0.3, 0.7]))
    with pytest.raises(ValueError, match="the 2 rows 0, 1"):
        require_feasible(allowed, np.array([0.1, 0.2, 0.7]), np.array([0.3 - 1e-6, 0.7 + 1e-6]))


@pytest.mark.parametrize("gap", [-1, 0, 1])
def test_large_blocks(gap):
    """A forbidden block of 100 rows by 100 + gap columns out of 200."""
    n = 200
    allowed = np.ones((n, n), dtype=bool)
    allowed[: n // 2, : n // 2 + gap] = False
    mass = np.full(n, 1 / n)
    if gap <= 0:
        require_feasible(allowed, mass, mass)
    else:
        with pytest.raises(ValueError, match=r"the 100 rows 0, 1, 2, 3, 4, 5, … of mass 0.5 "):
            require_feasible(allowed, mass, mass)


def test_dense_patterns_with_random_gaps():
    """The quick way out and the thinned pattern; every entry of a row forbidden but one."""
    rng = np.random.default_rng(3)
    for density in (0.95, 0.5, 0.1):
        allowed = rng.random((400, 300)) < density
        require_feasible(allowed, np.full(400, 1 / 400), np.full(300, 1 / 300))
    allowed = rng.random((400, 300)) < 0.9
    allowed[7] = False
    allowed[7, 3] = True
    with pytest.raises(ValueError, match=r"row 7 of mass 0.25 .* take 0.0033"):
        require_feasible(allowed, np.where(np.arange(400) == 7, 0.25, 0.75 / 399),
                         np.full(300, 1 / 300))  # fmt: skip


def test_distinct_patterns_are_found_once_each():
    rng = np.random.default_rng(0)
    few = rng.random((3, 7, 5)) < 0.5
    which = np.asarray([1, 0, 2, 1, 1, 0])
    patterns, found = distinct_patterns(few[which])
    assert patterns.shape == (3, 7, 5) and np.array_equal(patterns[found], few[which])

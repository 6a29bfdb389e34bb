"""Pictures: what they draw, on which axis, and what they refuse."""

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")

import matplotlib.pyplot as plt

import linalgx as lx
from linalgx.plotting import COLORS, history, plan, regret, spectrum


@pytest.fixture
def ax() -> Iterator[Any]:
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def drawn(ax: Any, line: int = 0) -> np.ndarray:
    return np.asarray(ax.get_lines()[line].get_ydata())


def test_history_of_a_result(ax: Any) -> None:
    result = lx.orthogonal.inverse_root(lx.gallery.hilbert(4), 2, method="newton")
    assert history(result, ax) is ax
    np.testing.assert_array_equal(drawn(ax), result.history)
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "iteration"
    assert ax.get_ylabel() == "residual"


def test_history_of_numbers_with_an_exact_zero(ax: Any) -> None:
    history([1.0, 1e-3, 0.0], ax, label="run")
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    assert 0 < low < 1e-3
    assert high > 1
    assert ax.get_legend_handles_labels()[1] == ["run"]


@pytest.mark.parametrize("wrong", [[], [[1.0, 2.0]], 3.0])
def test_history_refuses(ax: Any, wrong: Any) -> None:
    with pytest.raises(ValueError, match="result must have a history"):
        history(wrong, ax)


def test_spectrum_of_a_matrix(ax: Any, leg: Any) -> None:
    a = leg.randsvd(6, 4, 1e3)
    assert spectrum(a, ax) is ax
    np.testing.assert_allclose(drawn(ax), [1, 1e-1, 1e-2, 1e-3], rtol=1e4 * leg.eps)
    assert ax.get_yscale() == "log"
    assert ax.get_ylabel() == "singular value"


def test_spectrum_of_values_is_ordered_and_linear_when_it_can_be(ax: Any) -> None:
    values = np.array([1.0, 3.0, 2.0])
    spectrum(values, ax)
    np.testing.assert_array_equal(drawn(ax), [3, 2, 1])
    np.testing.assert_array_equal(values, [1, 3, 2])
    assert ax.get_yscale() == "linear"


def test_spectrum_with_negative_values_stays_linear(ax: Any) -> None:
    spectrum(np.array([-1.0, 1000.0]), ax)
    assert ax.get_yscale() == "linear"


def test_one_axis_goes_logarithmic_and_stays_so(ax: Any) -> None:
    spectrum([1.0, 2.0], ax)
    spectrum([1e-6, 1.0], ax)
    spectrum([1.0, 2.0], ax)
    assert ax.get_yscale() == "log"


@pytest.mark.parametrize("wrong", [np.zeros((2, 2, 2)), np.zeros(0), np.float64(1)])
def test_spectrum_refuses(ax: Any, wrong: Any) -> None:
    with pytest.raises(ValueError, match="values must be a matrix or a vector"):
        spectrum(wrong, ax)


def test_regret_of_one_run(ax: Any) -> None:
    assert regret([5, 3, 2.0], ax, labels=["run"]) is ax
    np.testing.assert_array_equal(drawn(ax), [0, 5, 8, 10])
    np.testing.assert_array_equal(ax.get_lines()[0].get_xdata(), [0, 1, 2, 3])
    assert ax.get_xlabel() == "problem"
    assert ax.get_ylabel() == "total cost"
    assert ax.get_legend_handles_labels()[1] == ["run"]


def test_regret_takes_whatever_has_costs(ax: Any) -> None:
    with_costs = SimpleNamespace(costs=(1.0, 1.0))
    regret(with_costs, ax)
    regret([with_costs, (2, 2, 2), np.array([3.0])], ax)
    regret(np.array([[1.0, 2.0], [3.0, 4.0]]), ax)
    expected = [[0, 1, 2], [0, 1, 2], [0, 2, 4, 6], [0, 3], [0, 1, 3], [0, 3, 7]]
    for k, values in enumerate(expected):
        np.testing.assert_array_equal(drawn(ax, k), values)
    assert [line.get_color() for line in ax.get_lines()] == list(COLORS[:6])


def test_regret_takes_arrays_of_any_library(ax: Any, leg: Any) -> None:
    costs = leg.asarray(np.array([4.0, 2.0]))
    if not leg.is_complex:
        regret(costs, ax, reference=costs)
        np.testing.assert_array_equal(drawn(ax), [0, 0, 0])


def test_regret_against_a_longer_reference(ax: Any) -> None:
    regret([[9, 5, 3], [4]], ax, reference=[5, 5, 5, 5])
    np.testing.assert_array_equal(drawn(ax, 0), [0, 4, 4, 2])
    np.testing.assert_array_equal(drawn(ax, 1), [0, -1])
    assert ax.get_ylabel() == "total cost above the reference"
    regret([1.0], ax)
    assert ax.get_lines()[2].get_color() == COLORS[2]  # the line at zero took none


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "results must hold one cost"),
        (([[1.0], []],), "results must hold one cost"),
        (([[[1.0]]],), "results must hold one cost"),
        (([1.0, 2.0], None, {"reference": [1.0]}), "at least as long as the runs, 2 costs, got 1"),
        (([1.0], None, {"reference": 3.0}), "reference must hold one cost"),
        (([1.0], None, {"labels": ["a", "b"]}), "labels must be as many as the runs, 1, got 2"),
    ],
)
def test_regret_refuses(ax: Any, arguments: Any, message: str) -> None:
    results, *rest = arguments
    with pytest.raises(ValueError, match=message):
        regret(results, ax, **(rest[1] if rest else {}))


def test_plan_of_a_result(ax: Any, leg: Any) -> None:
    cost = leg.asarray(np.asarray([[0.0, 1.0, 2.0], [1.0, 0.0, 1.0]]))
    if leg.is_complex:
        with pytest.raises(ValueError, match="a real matrix"):
            plan(cost, ax)
        return
    result = lx.transport.solve(cost, epsilon=0.5)
    assert plan(result, ax) is ax
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), lx.to_numpy(result.plan))
    assert tuple(image.get_extent()) == (
        -0.5,
        2.5,
        1.5,
        -0.5,
    )  # pixels centred at indices, rows down
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("target", "source")


def test_plan_adds_neighbours_up(ax: Any) -> None:
    table = np.arange(35.0).reshape(5, 7)
    plan(table, ax, cells=2)
    parts = [[table[i, j].sum() for j in (slice(3), slice(3, 7))] for i in (slice(2), slice(2, 5))]
    np.testing.assert_array_equal(ax.images[0].get_array(), parts)
    assert tuple(ax.images[0].get_extent()) == (-0.5, 6.5, 4.5, -0.5)
    assert ax.images[0].get_clim() == (0, np.max(parts))


def test_plan_of_a_lazy_cost_is_that_of_the_stored_one(ax: Any, leg: Any) -> None:
    if leg.is_complex:
        return
    x = leg.asarray(np.linspace(0, 1, 12).reshape(6, 2))
    lazy = lx.transport.PointCloudCost(x, x)
    for cost in (lazy, lazy.toarray()):
        plan(lx.transport.solve(cost, epsilon=0.1), ax, cells=4)
    lazily, stored = (image.get_array() for image in ax.images)
    np.testing.assert_allclose(lazily, stored, rtol=0, atol=4 * leg.eps**0.575)


@pytest.mark.parametrize("wrong", [np.zeros((2, 3, 3)), np.zeros((0, 3)), np.ones((2, 2)) * 1j])
def test_plan_refuses(ax: Any, wrong: Any) -> None:
    with pytest.raises(ValueError, match="result must be a plan or have one"):
        plan(wrong, ax)
    with pytest.raises(ValueError, match="cells must be at least 1, got 0"):
        plan(np.ones((2, 2)), ax, cells=0)


def test_lines_take_the_colours_of_the_palette_in_turn(ax: Any) -> None:
    for _ in range(len(COLORS) + 1):
        history([1.0, 0.1], ax)
    colors = [line.get_color() for line in ax.get_lines()]
    assert colors == [*COLORS, COLORS[0]]
    assert history([1.0], ax, color="red").get_lines()[-1].get_color() == "red"


def test_without_an_axis_a_new_figure_is_made() -> None:
    before = set(plt.get_fignums())
    ax = spectrum([2.0, 1.0])
    assert ax.figure.number not in before
    plt.close(ax.figure)


def test_import_is_lazy_and_a_missing_matplotlib_names_the_cure() -> None:
    code = """
import sys
import linalgx.plotting
assert "matplotlib" not in sys.modules
sys.modules["matplotlib"] = None
try:
    linalgx.plotting.spectrum([2.0, 1.0])
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "plotting needs matplotlib: pip install 'linalgx[plot]'"

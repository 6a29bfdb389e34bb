"""What importing the package gives, loads and costs; how it warns."""

import json
import subprocess
import sys
import warnings
from importlib import import_module

import numpy as np
import pytest

import linalgx as lx
from linalgx.errors import warn

HEAVY = ("scipy", "numba", "cupy", "torch", "matplotlib", "dask", "tqdm", "sklearn")


def fresh(code):
    """Output of a fresh interpreter, as JSON."""
    out = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    return json.loads(out.stdout)


def test_every_public_name_exists():
    for name in lx.__all__:
        assert getattr(lx, name) is not None
    assert set(lx.__all__) <= set(dir(lx))
    assert lx.__all__ == sorted(lx.__all__)


def test_lazy_names_and_the_list_of_names_agree():
    assert set(lx.__all__) == {*lx._FAMILIES, *lx._NAMES}


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="module 'linalgx' has no attribute 'matlab'"):
        _ = lx.matlab


def test_the_errors_and_warnings():
    assert lx.LinAlgError is np.linalg.LinAlgError
    assert issubclass(lx.ConvergenceWarning, RuntimeWarning)
    assert issubclass(lx.PerformanceWarning, UserWarning)


def test_importing_loads_nothing_heavy():
    code = f"""
import json, sys
import numpy
before = set(sys.modules)
import linalgx
first = [m for m in {HEAVY!r} if m in sys.modules and m not in before]
linalgx.Status, linalgx.LinearMap, linalgx.use_backend, linalgx.orthogonal, linalgx.gallery
second = [m for m in {HEAVY!r} if m in sys.modules and m not in before]
print(json.dumps([first, second]))
"""
    assert fresh(code) == [[], []]


@pytest.mark.thread_unsafe(reason="measures time")
@pytest.mark.parametrize(("module", "most"), [("linalgx", 1.6), ("linalgx.orthogonal", 2.5)])
def test_importing_costs_little_more_than_numpy(module, most):
    """CPU time of whole interpreters, interleaved, the least of several; then with a family."""
    code = """
import json, time
start = time.process_time()
import {}
print(json.dumps(time.process_time() - start))
"""
    for attempt in range(3):  # another process may disturb all runs of one attempt
        ours, numpy = [], []
        for _ in range(3 + 2 * attempt):
            numpy.append(fresh(code.format("numpy")))
            ours.append(fresh(code.format(module)))
        if min(ours) <= most * min(numpy):
            return
    pytest.fail(f"import {module} took {min(ours):.3f} s, import numpy {min(numpy):.3f} s")


def test_a_warning_points_outside_the_package():
    """Frames of the package are skipped, however deep the warning was issued."""

    def inside():
        warn("the tolerance was not met", lx.ConvergenceWarning)

    namespace = {"__name__": "linalgx.some.module", "warn": warn, "W": lx.ConvergenceWarning}
    exec("def deep(): warn('deep', W)\ndef public(): deep()", namespace)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        inside()
        namespace["public"]()
    assert [w.filename for w in caught] == [__file__, __file__]
    assert caught[0].category is lx.ConvergenceWarning


@pytest.mark.parametrize("family", lx._FAMILIES)
def test_families_list_what_they_offer(family):
    try:
        module = import_module(f"linalgx.{family}")
    except ImportError as error:
        assert "pip install" in str(error)
        return
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)  # ruff keeps them in order
    for name in module.__all__:
        assert getattr(module, name) is not None

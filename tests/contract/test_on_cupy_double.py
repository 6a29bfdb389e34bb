"""Whole families on the double of CuPy, which keeps host and device apart.

Nothing may cross over unasked, and the answer passes the check of the case, as on NumPy.
"""

import catalog
import cupy_double
import pytest

import linalgx as lx

pytestmark = [
    pytest.mark.thread_unsafe(reason="puts a double of CuPy into sys.modules"),
    pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning"),
]

FAMILIES = ("jacobi.", "randomized.")
NAMES = [name for name in catalog.CASES if name.startswith(FAMILIES)]


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize("name", NAMES)
def test_answers_stay_on_the_device(monkeypatch, name, dtype):
    xp = cupy_double.install(monkeypatch)
    case = catalog.CASES[name]
    complex_ = dtype.startswith("complex") and not case.real
    for shape in [(4, 4) if case.square else (7, 4), catalog.many(name, (2, 4, 4))]:
        hosts = case.hosts(shape, complex_=complex_)
        inputs = {key: x.astype(dtype if complex_ else "float64") for key, x in hosts.items()}
        there = {key: xp.asarray(x) for key, x in inputs.items()}
        for label, options in catalog.brief(name):
            with catalog.about(label, shape):
                out = catalog.answer(name, there, options)
                for key, x in catalog.of_arrays(out).items():
                    assert type(x) is cupy_double.ndarray, key
                assert case.check(inputs, lx.to_numpy(out), options) < 30

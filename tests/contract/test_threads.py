"""Eight threads at once get the answer of one."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import catalog
import numpy as np
import pytest

THREADS, CALLS = 8, 8
SHARE = 0.05  # seconds of each thread after which fewer calls will do
SWITCH = 1e-5  # seconds; threads that take turns often meet in more places than many long ones


@pytest.fixture(autouse=True)
def _turns():
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", catalog.CASES)
def test_threads_do_not_disturb_each_other(name, dtype):
    """Half of the threads work on one matrix, half on batches of small ones, or on one of these."""
    case = catalog.CASES[name]
    shapes = [(4, 4) if case.square else (5, 3), catalog.many(name, (6, 3, 3))]
    jobs = []
    for shape in shapes:
        hosts = case.hosts(shape, complex_=dtype == "complex128")
        inputs = {key: x.astype(dtype) for key, x in hosts.items()}
        start = time.process_time()
        expected = catalog.answer(name, inputs, case.default)
        calls = int(SHARE / max(time.process_time() - start, 1e-6))
        jobs.append((inputs, expected, min(max(calls, 1), CALLS)))
    together = Barrier(THREADS)

    def work(k):
        inputs, expected, calls = jobs[k % 2]
        together.wait(timeout=60)
        for _ in range(calls):
            out = catalog.answer(name, inputs, case.default)
            for key, x in expected.items():
                np.testing.assert_allclose(out[key], x, rtol=0, atol=1e-14)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, k) for k in range(THREADS)]:
            done.result()

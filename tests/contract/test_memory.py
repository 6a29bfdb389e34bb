"""The documented multiples of the input's memory hold, the result included."""

import tracemalloc
from functools import partial

import numpy as np
import pytest

import linalgx as lx
from linalgx.backend import find_kernel, namespace_of

N = 400
COMPILED = find_kernel("onesided_columns", namespace_of(np.zeros(1))) is not None
EXACT = ("auto", "svd", "qdwh", "newton", "polar_express", "zolo")

# Largest multiple of the memory of `a`, as the docstrings promise it.
PROMISED = {
    **{f"polar {m}": (partial(lx.orthogonal.polar, method=m), 12) for m in EXACT[:-1]},
    "polar zolo": (partial(lx.orthogonal.polar, method="zolo"), 35),
    "orthogonalize": (lx.orthogonal.orthogonalize, 6),
    "orthogonalize turbo": (partial(lx.orthogonal.orthogonalize, precondition="turbo"), 6),
    "soft_clip": (lx.orthogonal.soft_clip, 5),
    "sign": (lambda a: lx.orthogonal.sign(a + a.T), 14),
    "eigh": (lambda a: lx.orthogonal.eigh(a + a.T), 14),
    "svd": (lx.orthogonal.svd, 17),
    "jacobi.svd": (lx.jacobi.svd, 14),
    "jacobi.eigh": (lambda a: lx.jacobi.eigh(a + a.T), 12 if COMPILED else 24),
    "jacobi.eigh definite": (lambda a: lx.jacobi.eigh(a @ a.T), 12 if COMPILED else 24),
    "sqrt": (lambda a: lx.orthogonal.sqrt(a @ a.T), 6),
    "sqrt newton": (lambda a: lx.orthogonal.sqrt(a @ a.T, method="newton"), 14),
    "inverse_root": (lambda a: lx.orthogonal.inverse_root(a @ a.T, 4), 6),
    "inverse_root newton": (lambda a: lx.orthogonal.inverse_root(a @ a.T, 4, method="newton"), 14),
}


@pytest.mark.thread_unsafe(reason="tracemalloc counts the memory of all threads")
@pytest.mark.parametrize("name", PROMISED)
def test_peak_memory(name):
    run, multiple = PROMISED[name]
    a = lx.gallery.randsvd(N, cond=1e3, rng=0)
    run(a)  # loads and compiles
    tracemalloc.start()
    try:
        kept = run(a)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert kept is not None
    assert peak <= multiple * a.nbytes + 1e5, f"{peak / a.nbytes:.1f} times the input"

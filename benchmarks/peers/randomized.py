"""Figures of `linalgx.randomized` beside scikit-learn, SciPy and LAPACK.

Run as ``python -m benchmarks.peers.randomized``, or with the names of some parts. Exits 1 when a
bar is missed.
"""

import sys

from benchmarks.peers import (
    _randomized_lstsq,
    _randomized_qr,
    _randomized_svd,
    _randomized_trace,
    factorizations_gpu,
)
from benchmarks.peers._measure import report

PARTS = {
    "svd": _randomized_svd.rows,
    "qr": _randomized_qr.rows,
    "lstsq": _randomized_lstsq.rows,
    "trace": _randomized_trace.rows,
    "gpu": factorizations_gpu.large_rows,
}


def main(names: list[str]) -> int:
    """Run the named parts, all by default."""
    rows = (row for name in names or PARTS for row in PARTS[name]())
    return report("linalgx.randomized beside its peers, one thread, CPU time", rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

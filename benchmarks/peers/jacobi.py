"""Figures of `linalgx.jacobi` beside LAPACK.

Run as ``python -m benchmarks.peers.jacobi``, or with the names of some parts. Exits 1 when a bar
is missed. Errors are relative errors of each single value, in units of eps.
"""

import sys

from benchmarks.peers import _jacobi_eigh, _jacobi_svd, factorizations_gpu
from benchmarks.peers._measure import report

PARTS = {
    "eigh": _jacobi_eigh.rows,
    "svd": _jacobi_svd.rows,
    "gpu": factorizations_gpu.batch_rows,
}


def main(names: list[str]) -> int:
    """Run the named parts, all by default."""
    rows = (row for name in names or PARTS for row in PARTS[name]())
    return report("linalgx.jacobi beside its peers, one thread, CPU time", rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The promises of `linalgx.relaxation` beside PyAMG and SciPy, in one run.

Run as ``python -m benchmarks.peers.relaxation``, or with the names of some parts. Exits 1 when a
bar is missed. The part ``learning``, 2 × 10 sequences of 5000 problems, takes half an hour of one
core; the others take a minute.
"""

import sys

from benchmarks.peers import _relaxation_krylov, _relaxation_sweeps, relaxation_learning
from benchmarks.peers._measure import report

PARTS = {"sweeps": _relaxation_sweeps.rows, "krylov": _relaxation_krylov.rows}
LEARNING = "learning"


def main(names: list[str]) -> int:
    """Run the named parts, all by default."""
    names = names or [*PARTS, LEARNING]
    timed = [name for name in names if name != LEARNING]
    missed = 0
    if timed:
        rows = (row for name in timed for row in PARTS[name]())
        missed = report("linalgx.relaxation beside its peers, one thread, CPU time", rows)
    if LEARNING in names:
        missed |= relaxation_learning.main([])
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

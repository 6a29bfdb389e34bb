"""The promises of `linalgx.transport` beside POT and RegOT, in one run.

Run as ``python -m benchmarks.peers.transport``, or with the names of some parts; ``--quick`` takes
fewer and smaller instances. Exits 1 when a bar is missed. All parts take ten minutes of one core,
most of it for peers that are stopped after a share of time that decides the bar.
"""

import sys

from benchmarks.peers import _transport_others, _transport_rows
from benchmarks.peers._measure import report

PARTS = {
    "standard": _transport_rows.rows,
    "random": _transport_others.mixed_rows,
    "batch": _transport_others.batch_rows,
    "clusters": _transport_others.cluster_rows,
    "lazy": _transport_others.lazy_rows,
}
QUICK = "--quick"


def main(names: list[str]) -> int:
    """Run the named parts, all by default."""
    quick = QUICK in names
    names = [name for name in names if name != QUICK] or list(PARTS)
    rows = (row for name in names for row in PARTS[name](quick))
    return report("linalgx.transport beside its peers, one thread, CPU time", rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The command line: ``python -m linalgx info`` and ``python -m linalgx tour``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from linalgx._tour import FAMILIES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser, tour_parser = _parsers()
    options = parser.parse_args(arguments)
    _plain_where_needed()
    try:
        if options.command == "info":
            _info()
            return 0
        unknown = [name for name in options.family if name not in FAMILIES]
        if unknown:
            tour_parser.error(f"unknown family {unknown[0]!r}; choose from {', '.join(FAMILIES)}")
        _tour(options)
    except (ImportError, OSError) as error:
        print(f"linalgx: {error}", file=sys.stderr)
        return 1
    return 0


def _parsers() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    parser = argparse.ArgumentParser(
        prog="python -m linalgx", description="Numerical linear algebra from recent papers."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="{info,tour}")
    commands.add_parser("info", help="versions, backends and devices")
    tour = commands.add_parser(
        "tour", help="every family on real data, compared with what people use today"
    )
    tour.add_argument("family", nargs="*", help=f"{', '.join(FAMILIES)}; all when none is named")
    tour.add_argument("--backend", choices=("numpy", "cupy"), default="numpy")
    tour.add_argument("--save", type=Path, metavar="DIR", help="write a picture of each family")
    return parser, tour


def _plain_where_needed() -> None:
    """Let a terminal or pipe that lacks a character show a substitute instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _info() -> None:
    from linalgx.backend import show_config

    print(show_config())


def _tour(options: argparse.Namespace) -> None:
    # Loaded here, so that `info` and the help do not wait for it.
    from linalgx._tour.run import tour

    tour(list(dict.fromkeys(options.family)) or FAMILIES, options.backend, options.save)


if __name__ == "__main__":
    sys.exit(main())

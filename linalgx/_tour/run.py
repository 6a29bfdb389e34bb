"""Run the tour: the tasks of each family, the table, the pictures."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from linalgx import __version__
from linalgx._tour.picture import save
from linalgx._tour.table import lines, paint
from linalgx._tour.task import Outcome, Place, place
from linalgx._tour.timing import one_thread, race

_EXTRAS = {
    "sklearn": ("scikit-learn for its data", "examples"),
    "tqdm": ("tqdm for its progress bar", "examples"),
    "matplotlib": ("matplotlib for --save", "plot"),
}


def tour(families: Sequence[str], backend: str, folder: Path | None) -> None:
    """Print the table of the families; write a picture of each when a folder is given."""
    start = perf_counter()
    _require(("sklearn", "tqdm") if folder is None else ("sklearn", "tqdm", "matplotlib"))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)  # fails before the work, not after it
    where, colors = place(backend), paint(sys.stdout)
    with one_thread() as threads:
        print(f"linalgx {__version__} on {backend}, {threads}; ratio: time of the peer / ours\n")
        for family, outcomes in _work(families, where):
            print("\n".join(lines(family, outcomes, colors)) + "\n")
            if folder is not None:
                print(f"picture: {save(family, outcomes, folder)}\n")
    print(f"{perf_counter() - start:.0f} s in all, loading and compiling included")


def _work(families: Sequence[str], where: Place) -> list[tuple[str, list[Outcome]]]:
    """Do all tasks, with a progress bar on standard error where that is a terminal."""
    plan = [
        (family, make)
        for family in families
        for make in import_module(f"linalgx._tour.{family}").TASKS
    ]
    done: dict[str, list[Outcome]] = {family: [] for family in families}
    with _bar(len(plan)) as bar:
        for family, make in plan:
            bar.set_description(f"{family}: {make.__name__.replace('_', ' ')}")
            done[family].append(race(make(where), where))
            bar.update()
    return list(done.items())


def _bar(total: int) -> Any:
    tqdm = import_module("tqdm").tqdm
    layout = "{desc:<36}|{bar}| {n_fmt}/{total_fmt}, {elapsed}"
    return tqdm(
        total=total, file=sys.stderr, disable=None, leave=False, ncols=80, bar_format=layout
    )


def _require(modules: Sequence[str]) -> None:
    """Raise before the work begins when a package is missing."""
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            package, extra = _EXTRAS[module]
            raise ImportError(
                f"this tour needs {package}: pip install 'linalgx[{extra}]'"
            ) from error

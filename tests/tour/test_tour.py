"""The command line, run as a user runs it."""

import io
import os
import re
import subprocess
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import linalgx as lx
from linalgx.__main__ import _plain_where_needed
from linalgx._tour import FAMILIES
from linalgx._tour.table import duration, lines, paint, ratio
from linalgx._tour.task import Outcome, Task, place
from linalgx._tour.timing import race

NAMES = (
    "nearest rotations",
    "tall polar factor",
    "orthogonal Procrustes",
    "whitening",
    "five Muon-type steps",
    "graded covariance",
    "colour covariances",
    "topics",
    "photograph, rank 50",
    "digits, kernel matrix",
    "heat equation",
    "seamless cloning, SOR",
    "photo smoothing",
    "cloning in float32",
    "a three to an eight",
    "pairs of digits",
    "colour transfer",
    "scaling a table",
)


def command_line(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    environment.pop("DISPLAY", None)  # pictures must not need a screen
    command = [sys.executable, "-m", "linalgx", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment, check=False
    )


class Tour(NamedTuple):
    done: subprocess.CompletedProcess[str]
    seconds: float
    folder: Path


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Tour:
    """One tour through everything, with pictures."""
    folder = tmp_path_factory.mktemp("tour") / "pictures"
    start = os.times()
    done = command_line("tour", "--save", str(folder))
    end = os.times()
    seconds = end.children_user + end.children_system - start.children_user - start.children_system
    return Tour(done, seconds, folder)


def test_it_ends_well_and_in_time(tour: Tour) -> None:
    assert tour.done.returncode == 0, tour.done.stderr
    if find_spec("numba") is not None:  # its absence is worth a warning
        assert tour.done.stderr == ""  # no bar either
    compiled = find_spec("numba") is not None and os.environ.get("LINALGX_KERNELS") != "generic"
    assert tour.seconds < (60 if compiled else 120)  # of the processor: other work must not matter


def test_a_pipe_gets_plain_text_within_100_columns(tour: Tour) -> None:
    text = tour.done.stdout
    assert "\033" not in text
    assert "\r" not in text
    assert all(len(x) <= 100 for x in text.splitlines() if not x.startswith("picture: "))


@pytest.mark.parametrize("name", NAMES)
def test_each_task_has_a_line_with_times_ratio_and_errors(tour: Tour, name: str) -> None:
    (line,) = (x for x in tour.done.stdout.splitlines() if re.match(rf"\d+ {name} ", x))
    cells = re.search(r"(\d\S*) (m|µ)?s +(\d\S*) (m|µ)?s +(\S+)× +(\S+) +(\S+)$", line)
    assert cells is not None, line
    assert float(cells[5]) > 0
    ours, peer = float(cells[6]), float(cells[7])
    assert 0 <= ours <= 2 * peer
    assert peer < 1


def test_a_picture_of_each_family(tour: Tour) -> None:
    for family in FAMILIES:
        content = (tour.folder / f"{family}.png").read_bytes()
        assert content.startswith(b"\x89PNG\r\n")
        assert len(content) > 20_000


def test_info() -> None:
    done = command_line("info")
    assert done.returncode == 0
    assert done.stdout.startswith("linalgx ")
    assert "numpy" in done.stdout


def test_a_pipe_that_lacks_characters_gets_substitutes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    _plain_where_needed()
    print("3×3", flush=True)
    assert stream.buffer.getvalue().rstrip() == b"3?3"


def test_an_unknown_family_is_answered_with_the_known_ones() -> None:
    done = command_line("tour", "orthogonl")
    assert done.returncode == 2
    assert f"unknown family 'orthogonl'; choose from {', '.join(FAMILIES)}" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_command_shows_the_usage() -> None:
    done = command_line()
    assert done.returncode == 2
    assert "{info,tour}" in done.stderr


@pytest.mark.parametrize(
    ("missing", "options", "message"),
    [
        ("cupy", ("--backend", "cupy"), "pip install 'linalgx[cuda13]'"),
        ("sklearn", (), "pip install 'linalgx[examples]'"),
        ("tqdm", (), "pip install 'linalgx[examples]'"),
        ("matplotlib", ("--save", "nowhere"), "pip install 'linalgx[plot]'"),
    ],
)
def test_a_missing_package_is_one_line(
    missing: str, options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; "
        f"from linalgx.__main__ import main; sys.exit(main(['tour', *{options!r}]))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


class Terminal:
    """A stream that is one."""

    def isatty(self) -> bool:
        return True


def outcome(ours: float = 2e-3, peer: float = 0.05) -> Outcome:
    task = Task(
        name="a task", data="some data", against="a peer", measure="an error",
        ours=lambda: None, peer=lambda: None, error=lambda _: 0.0,
    )  # fmt: skip
    return Outcome(task, ours, peer, 1e-15, 2e-15, None, None)


def test_colour_on_a_terminal_only_and_not_against_its_wish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream: Any = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = "\n".join(lines("family", [outcome(), outcome(ours=0.1)], paint(stream)))
    assert "\033[32m25×\033[0m" in coloured
    assert "\033[33m0.5×\033[0m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = "\n".join(lines("family", [outcome(), outcome(ours=0.1)], paint(stream)))
    assert plain == re.sub(r"\033\[\d+m", "", coloured)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not any(paint(stream).values())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.3, "12 s"), (1.0, "1.0 s"), (0.0523, "52 ms"), (4.2e-3, "4.2 ms"), (3.2e-7, "320 ns")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(63.4, "63×"), (1.27, "1.3×"), (0.94, "0.9×"), (0.0123, "0.01×")]
)
def test_ratios(value: float, text: str) -> None:
    assert ratio(value) == text


@pytest.mark.parametrize("family", FAMILIES)
def test_results_and_peers_of_another_library(family: str) -> None:
    """What `--backend cupy` does, with a library that needs no GPU."""
    pytest.importorskip("torch", reason="the tour's device code is tested with PyTorch")
    where = place("torch")
    for make in import_module(f"linalgx._tour.{family}").TASKS:
        task = make(where)
        for work in (task.ours, task.peer):
            assert task.error(lx.to_numpy(work())) < 1


def test_a_race_calls_both_and_keeps_the_best() -> None:
    calls = {"ours": 0, "peer": 0}

    def work(name: str, seconds: float) -> Any:
        def run() -> np.ndarray:
            calls[name] += 1
            end = time.process_time() + seconds
            while time.process_time() < end:
                pass
            return np.ones(2)

        return run

    task = Task(
        name="wait", data="", against="", measure="",
        ours=work("ours", 1e-3), peer=work("peer", 3e-3), error=lambda x: float(x.sum()),
    )  # fmt: skip
    result = race(task, place("numpy"))
    assert calls["ours"] == calls["peer"] >= 4
    assert 1 < result.ratio < 100
    assert (result.ours_error, result.peer_error) == (2.0, 2.0)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = command_line("tour", "--save", str(blocked / "folder"))
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1

"""What a method returns, and what it may be told."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from linalgx.results import Status
from linalgx.typing import Array

Options = Mapping[str, Any]
"""Settings that one method alone has, already checked."""


class Run(NamedTuple):
    """Potentials of a `Problem`, and the story of the run.

    The method's own error is not believed: `finish` measures again.
    """

    f: Array
    g: Array
    status: Status
    iterations: int
    history: tuple[float, ...]
    method: str
    epsilon_path: tuple[float, ...]

"""Methods by name, with the settings that each one alone has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx.transport._anderson import anderson
from linalgx.transport._apdagd import apdagd
from linalgx.transport._automatic import automatic, by_newton
from linalgx.transport._greenkhorn import greenkhorn
from linalgx.transport._mdot import mdot
from linalgx.transport._overrelaxed import overrelaxed
from linalgx.transport._problem import Problem
from linalgx.transport._proximal import proximal
from linalgx.transport._run import Options, Run
from linalgx.transport._sinkhorn import sinkhorn, sinkhorn_log
from linalgx.transport._sinkhorn_newton import sinkhorn_newton
from linalgx.transport._sns import SPARSIFY, sns
from linalgx.transport._splr import splr
from linalgx.transport._ssns import ssns
from linalgx.transport._stopping import Stopping

Check = Callable[[Any, str], Any]
"""Takes a value and its name; returns what is accepted, or raises."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method and the checks of its own settings."""

    run: Callable[[Problem, Stopping, Options], Run]
    options: Mapping[str, Check] = field(default_factory=dict)


def _positive(value: Any, name: str) -> float:
    return admit_real(value, name, ends="()")


def _count(value: Any, name: str) -> int:
    return admit_integer(value, name, 1)


def _sweeps(value: Any, name: str) -> int:
    return admit_integer(value, name, 0)


def _switch(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value


def _share(value: Any, name: str) -> float:
    return admit_real(value, name, 0.0, 1.0, ends="(]")


def _sparsify(value: Any, name: str) -> str:
    if value not in SPARSIFY:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, SPARSIFY))}, got {value!r}")
    return str(value)


def _relaxation(value: Any, name: str) -> float | str:
    if isinstance(value, str):
        if value == "auto":
            return value
        raise ValueError(f"{name} must be 'auto' or a number in (0, 2), got {value!r}")
    return admit_real(value, name, 0.0, 2.0, ends="()")


METHODS: dict[str, Method] = {
    "auto": Method(automatic, {"stage_rtol": _positive}),
    "sinkhorn": Method(sinkhorn),
    "sinkhorn_log": Method(sinkhorn_log),
    "overrelaxed": Method(overrelaxed, {"omega": _relaxation}),
    "anderson": Method(anderson, {"memory": _count}),
    "proximal": Method(proximal, {"prox_steps": _count}),
    "greenkhorn": Method(greenkhorn),
    "apdagd": Method(apdagd),
    "sinkhorn_newton": Method(
        sinkhorn_newton, {"anneal": _switch, "sweeps": _sweeps, "cg_cap": _count}
    ),
    "newton": Method(by_newton, {"stage_rtol": _positive}),
    "mdot": Method(mdot, {"stage_rtol": _positive}),
    "sns": Method(sns, {"sweeps": _sweeps, "density": _share, "sparsify": _sparsify}),
    "ssns": Method(ssns, {"dropped": _positive, "shift": _positive}),
    "splr": Method(splr, {"density": _share}),
}


def admit_options(options: Mapping[str, Any] | None, method: str) -> dict[str, Any]:
    """Check the settings of a method."""
    checks = METHODS[method].options
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(f"options must be a mapping, got {type(options).__name__}")
    done = {}
    for name, value in (options or {}).items():
        if name not in checks:
            accepted = ", ".join(map(repr, checks)) or "none"
            raise ValueError(f"options of method {method!r} are {accepted}, got {name!r}")
        done[name] = checks[name](value, f"options[{name!r}]")
    return done

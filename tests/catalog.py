"""How to call every public function: the contract tests walk over these tables.

`CASES` holds the functions of arrays, `BORN` those that make arrays from sizes, `RATIOS` those
that measure a result, `HOST` those that have no array at all, with the reason, and `OBJECTS` the
classes that are no results. Their entries are in `cases/<family>.py`, any number of files for a
family. What is public and in none of them fails `contract/test_complete.py`.

A name is ``"family.function"``; further ways to call one function add a word of their own,
``"family.function (block)"``.
"""

import pkgutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import isclass, isfunction, signature
from types import ModuleType
from typing import Any

import cases
import numpy as np
from cases._kinds import Arrays, Born, Case, Object, Options, is_array, of_arrays, outputs
from cases._makers import definite, general, hermitian

import linalgx as lx
import linalgx.backend as seam
from linalgx import typing as lxt

__all__ = [
    "Arrays",
    "Born",
    "Case",
    "Object",
    "Options",
    "Shape",
    "definite",
    "general",
    "hermitian",
    "is_array",
    "of_arrays",
    "outputs",
]

# Families whose functions return pictures, or need an optional library to be imported at all.
NOT_COMPUTING = {"plotting": "takes results and a matplotlib axis, returns the axis"}
WITHOUT_REFERENCES = {"gallery", "testing"}  # definitions, not algorithms of a paper
ARRAY_ANNOTATIONS = (lxt.Array, "Array", "MatrixLike")

Shape = tuple[int, ...]
KINDS = ("CASES", "BORN", "RATIOS", "HOST", "OBJECTS")


# --- the tables ------------------------------------------------------------------------------


def case_modules() -> list[ModuleType]:
    """Modules of `cases` that hold tables."""
    names = sorted(m.name for m in pkgutil.iter_modules(cases.__path__))
    return [import_module(f"cases.{name}") for name in names if not name.startswith("_")]


def merged(modules: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """Tables by kind; what two of them call by one name is an error."""
    tables: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    seen: dict[str, str] = {}
    for module in modules:
        for kind, table in tables.items():
            for name, entry in getattr(module, kind, {}).items():
                if name in seen:
                    raise ValueError(f"{name} is in {seen[name]} and in {module.__name__}.{kind}")
                seen[name] = f"{module.__name__}.{kind}"
                table[name] = entry
    return tables


TABLES = merged(case_modules())
CASES: dict[str, Case] = TABLES["CASES"]
BORN: dict[str, Born] = TABLES["BORN"]
RATIOS: dict[str, tuple[tuple[Any, ...], Options]] = TABLES["RATIOS"]
HOST: dict[str, tuple[str, Any]] = TABLES["HOST"]  # the reason; (args, options) or their maker
OBJECTS: dict[str, Object] = TABLES["OBJECTS"]


# --- what is public --------------------------------------------------------------------------


def families() -> dict[str, Any]:
    """Families that compute, by name."""
    names = [name for name in lx._FAMILIES if name not in NOT_COMPUTING]
    return {name: import_module(f"linalgx.{name}") for name in names}


def public_functions() -> dict[str, Callable[..., Any]]:
    """Every public function of every family, as ``"family.function"``."""
    found = {}
    for family, module in families().items():
        for name in module.__all__:
            value = getattr(module, name)
            if isfunction(value) or (callable(value) and not isclass(value)):
                found[f"{family}.{name}"] = value
    return found


def public_classes() -> dict[str, type]:
    """Every public class of every family."""
    return {
        f"{family}.{name}": getattr(module, name)
        for family, module in families().items()
        for name in module.__all__
        if isclass(getattr(module, name))
    }


def public(name: str) -> str:
    """Name of the function that an entry is about."""
    return name.partition(" ")[0]


def function(name: str) -> Callable[..., Any]:
    """Return the public function called ``"family.function"``."""
    family, _, short = public(name).partition(".")
    return getattr(getattr(lx, family), short)


def has_option(name: str, option: str) -> bool:
    """Whether a function exists and takes an option."""
    known = public_functions().get(public(name))
    return known is not None and option in signature(known).parameters


def support(name: str) -> seam.Support:
    """What the support table says; one without an entry fails `contract/test_complete.py`."""
    return seam.SUPPORT.get(public(name), seam.Support(batches=False))


def many(name: str, shape: Shape) -> Shape:
    """Return the shape of a batch where there are batches, and of one problem elsewhere."""
    return shape if support(name).batches else shape[-2:]


def batched() -> list[str]:
    """Cases of functions that take batches."""
    return [name for name in CASES if support(name).batches]


def takes(name: str, what: str) -> bool:
    """Whether the first array may be ``"sparse"`` or an ``"operator"``."""
    entry = support(name)
    return entry.operators or (what == "sparse" and entry.sparse)


# --- calls -----------------------------------------------------------------------------------


def named_arrays(name: str) -> set[str]:
    """Arrays that some case of a function passes by keyword."""
    return {key for other, case in CASES.items() if public(other) == name for key in case.named}


def arguments(name: str, inputs: Arrays) -> tuple[list[Any], Arrays]:
    """Split the arrays of a call into positional and named ones."""
    names = CASES[name].named if name in CASES else ()
    positional = [x for key, x in inputs.items() if key not in names]
    return positional, {key: x for key, x in inputs.items() if key in names}


def call(name: str, inputs: Arrays, options: Options) -> Any:
    """Call a public function with its arrays, in order or by keyword."""
    positional, named = arguments(name, inputs)
    return function(name)(*positional, **named, **options)


def observed(name: str, result: Any, inputs: Arrays) -> Arrays:
    """Outputs of a case by name."""
    see = CASES[name].observe
    return outputs(result) if see is None else see(result, inputs)


def answer(name: str, inputs: Arrays, options: Options) -> Arrays:
    """Outputs of a call by name."""
    return observed(name, call(name, inputs, options), inputs)


def trouble(name: str, label: str) -> tuple[Arrays, Options]:
    """Inputs and options of a call that must warn."""
    case = CASES[name]
    host, options = case.trouble[label]
    return (host if isinstance(host, dict) else {case.first: host}), options


def host(leg: Any, x: Any) -> Any:
    """Output as a NumPy array."""
    return leg.to_numpy(x) if is_array(x) else np.asarray(x)


def brief(name: str) -> list[tuple[str, Options]]:
    """Labels and options of the variants that differ in more than numbers."""
    case = CASES[name]
    return [(label, case.variants[label]) for label in case.brief or case.variants]


@contextmanager
def about(*what: Any) -> Iterator[None]:
    """Say in an error which of the calls of one test it is about."""
    try:
        yield
    except BaseException as error:  # what pytest raises is no Exception
        error.add_note("about " + ", ".join(map(str, what)))
        raise


def applies(promise: str, params: dict[str, Any]) -> bool:
    """Whether a contract test with these parameters is about its case."""
    case = CASES.get(params.get("name", ""))
    if case is None:
        return True
    leg = params.get("leg")
    complex_ = leg is not None and leg.is_complex
    complex_ = complex_ or str(params.get("dtype", "")).startswith("complex")
    return promise not in case.exempt and not (case.real and complex_)

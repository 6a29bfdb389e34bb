"""Nothing public may be missing from the catalogue or from the support table."""

import ast
from functools import cache
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import catalog
import numpy as np
import pytest
from cases._checks import solves
from cases._makers import definite, dominant, laplacian, rhs

import linalgx as lx
import linalgx.backend as seam
from linalgx.results import Result

TABLES = {kind: table for kind, table in catalog.TABLES.items() if kind != "OBJECTS"}


def known(table):
    """Functions that a table is about."""
    return {catalog.public(name) for name in table}


def missing_from_catalogue(public):
    return sorted(set(public) - {name for table in TABLES.values() for name in known(table)})


def missing_from_support(public):
    exempt = {*catalog.BORN, *catalog.RATIOS, *catalog.HOST}
    return sorted(set(public) - set(seam.SUPPORT) - exempt)


def test_every_public_function_is_in_the_catalogue():
    assert missing_from_catalogue(catalog.public_functions()) == []


def test_every_public_function_is_in_the_support_table():
    assert missing_from_support(catalog.public_functions()) == []


def test_a_missing_function_would_be_found():
    """The two tests above can fail."""
    public = {**catalog.public_functions(), "orthogonal.forgotten": print}
    assert missing_from_catalogue(public) == ["orthogonal.forgotten"]
    assert missing_from_support(public) == ["orthogonal.forgotten"]


def test_the_catalogue_holds_nothing_else():
    public = catalog.public_functions()
    for table in TABLES.values():
        assert known(table) <= set(public)
    assert sum(len(known(table)) for table in TABLES.values()) == len(public)
    assert set(catalog.OBJECTS) <= set(catalog.public_classes())


def test_the_support_table_holds_nothing_else():
    assert set(seam.SUPPORT) == known(catalog.CASES)


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_two_entries_of_one_name_are_found(kind):
    """In one kind of table and in two of them."""
    one = SimpleNamespace(__name__="one", **{kind: {"a.f": 1, "a.g": 2}})
    two = SimpleNamespace(__name__="two", **{kind: {"b.f": 3}})
    assert catalog.merged([one, two])[kind] == {"a.f": 1, "a.g": 2, "b.f": 3}
    for other in catalog.KINDS:
        again = SimpleNamespace(__name__="again", **{other: {"a.g": 4}})
        with pytest.raises(ValueError, match=rf"a.g is in one.{kind} and in again.{other}"):
            catalog.merged([one, again])


@cache
def contract_tests():
    """Names of the contract tests that are about one case each, without ``test_``."""
    return {
        node.name.removeprefix("test_")
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and takes_a_name(node)
    }


def takes_a_name(function):
    return any(argument.arg == "name" for argument in function.args.args)


def is_sentence(text):
    return len(text.split()) > 3 and text[0].isupper() and text.endswith(".")


@pytest.mark.parametrize("case", catalog.CASES.values(), ids=list(catalog.CASES))
def test_exemptions_name_a_contract_test_and_a_reason(case):
    assert set(case.exempt) <= contract_tests()
    assert all(map(is_sentence, case.exempt.values()))


def test_exemptions_leave_out_one_promise_of_one_case(monkeypatch):
    assert {"scaling_is_exact", "stopping", "sparse_containers"} <= contract_tests()
    assert not is_sentence("slow")
    case = SimpleNamespace(exempt={"scaling_is_exact": "It draws numbers."}, real=True)
    monkeypatch.setitem(catalog.CASES, "orthogonal.sign", case)
    assert not catalog.applies("scaling_is_exact", {"name": "orthogonal.sign"})
    assert catalog.applies("scaling_is_exact", {"name": "orthogonal.svd"})
    assert catalog.applies("no_entries", {"name": "orthogonal.sign", "dtype": "float32"})
    assert not catalog.applies("no_entries", {"name": "orthogonal.sign", "dtype": "complex64"})
    assert catalog.applies("no_entries", {"name": "orthogonal.svd", "dtype": "complex64"})
    assert catalog.applies("every_public_function_is_in_the_catalogue", {})


@pytest.mark.parametrize("name", catalog.CASES)
def test_cases_are_consistent(name):
    case = catalog.CASES[name]
    assert set(case.scales) <= set(case.arrays) - {case.first}
    assert set(case.named) <= set(case.arrays) - {case.first}
    assert set(case.open_choices) <= set(case.choices)
    assert set(case.brief) <= set(case.variants)
    shape = case.resize((4, 4))
    assert case.resize(shape) == shape
    assert case.shape_of(case.hosts((4, 4))[case.first])[-1] == shape[-1]
    assert signature(case.check).parameters


@pytest.mark.parametrize("make", [definite, dominant, laplacian])
@pytest.mark.parametrize("complex_", [False, True])
def test_the_check_of_solvers_can_fail(make, complex_):
    """Right answers pass; an error above the tolerance or a NaN does not."""
    inputs = {key: f((2, 5, 5), complex_=complex_) for key, f in (("a", make), ("b", rhs))}
    x = np.linalg.solve(inputs["a"], inputs["b"][..., None])[..., 0]
    check = solves()
    assert check(inputs, {"x": x}, {}) < 30
    assert np.all(np.linalg.eigvalsh(inputs["a"]) > 0)
    assert not check(inputs, {"x": x * (1 + 1e-12)}, {}) < 30
    assert check(inputs, {"x": x * (1 + 0.9e-8)}, {"rtol": 1e-8}) < 30
    assert not check(inputs, {"x": x * (1 + 1.1e-8)}, {"rtol": 1e-8}) < 30
    x[1, 2] = np.nan
    assert not check(inputs, {"x": x}, {}) < 30
    assert not check(inputs, {"x": x[0]}, {}) < 30


def test_families_without_computations_say_why():
    assert set(catalog.NOT_COMPUTING) <= set(lx._FAMILIES)
    assert all(catalog.NOT_COMPUTING.values())


@pytest.mark.parametrize("name", catalog.public_classes())
def test_public_classes_are_results_or_say_what_they_are(name):
    """Factors come as named tuples; what has a story to tell is derived from `Result`."""
    kind = catalog.public_classes()[name]
    if name in catalog.OBJECTS:
        assert not issubclass(kind, Result | tuple)
    elif issubclass(kind, Result):
        assert kind.__dataclass_params__.frozen
        assert "__slots__" in vars(kind)
        assert kind.__repr__ is Result.__repr__
    else:
        assert issubclass(kind, tuple)
        assert kind._fields
    assert kind.__doc__


@pytest.mark.parametrize("name", catalog.OBJECTS)
def test_objects_are_small_and_show_themselves(name):
    """Slots, and a text of their own instead of an address."""
    kind, entry = catalog.public_classes()[name], catalog.OBJECTS[name]
    assert is_sentence(entry.reason)
    if entry.make is None:
        assert getattr(kind, "__abstractmethods__", ()) or getattr(kind, "_is_protocol", False)
        return
    made = entry.make()
    assert type(made) is kind
    assert "__slots__" in vars(kind)
    assert not hasattr(made, "__dict__")
    assert kind.__repr__ is not object.__repr__
    assert kind.__name__ in repr(made)
    assert " at 0x" not in repr(made)
    assert len(repr(made).splitlines()) <= 12


@pytest.mark.parametrize("name", catalog.HOST)
def test_functions_without_arrays_say_why(name):
    assert len(catalog.HOST[name][0]) > 5


@pytest.mark.parametrize("name", catalog.CASES)
def test_every_choice_is_tried(name):
    """Each accepted name of each option occurs in a variant or is the default."""
    case = catalog.CASES[name]
    parameters = signature(catalog.function(name)).parameters
    for option, accepted in case.choices.items():
        used = [
            options.get(option, parameters[option].default) for options in case.variants.values()
        ]
        assert all(any(x is y or x == y for y in used if isinstance(y, str)) for x in accepted)

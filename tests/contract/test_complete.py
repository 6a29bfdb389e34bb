"""Nothing public may be missing from the catalogue or from the support table."""

from inspect import signature

import catalog
import pytest

import linalgx as lx
import linalgx.backend as seam
from linalgx.results import Result

TABLES = {
    "CASES": catalog.CASES,
    "BORN": catalog.BORN,
    "RATIOS": catalog.RATIOS,
    "HOST": catalog.HOST,
}


def missing_from_catalogue(public):
    known = {name for table in TABLES.values() for name in table}
    return sorted(set(public) - known)


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
        assert set(table) <= set(public)
    assert sum(len(table) for table in TABLES.values()) == len(public)


def test_the_support_table_holds_nothing_else():
    assert set(seam.SUPPORT) == set(catalog.CASES)


def test_families_without_computations_say_why():
    assert set(catalog.NOT_COMPUTING) <= set(lx._FAMILIES)
    assert all(catalog.NOT_COMPUTING.values())


@pytest.mark.parametrize("name", catalog.public_classes())
def test_public_classes_are_results(name):
    """Factors come as named tuples; what has a story to tell is derived from `Result`."""
    kind = catalog.public_classes()[name]
    if issubclass(kind, Result):
        assert kind.__dataclass_params__.frozen
        assert "__slots__" in vars(kind)
        assert kind.__repr__ is Result.__repr__
    else:
        assert issubclass(kind, tuple)
        assert kind._fields
    assert kind.__doc__


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

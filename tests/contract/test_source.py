"""What the guide says about the code itself, read from the syntax trees."""

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import catalog
import pytest

import linalgx
import linalgx.backend as seam

ROOT = Path(linalgx.__file__).parent
LIBRARIES = {"numpy", "scipy", "cupy", "cupyx", "torch", "numba"}
# `asarray` and friends give a new array the default dtype and device unless told otherwise.
CREATION = {"zeros", "ones", "empty", "eye", "arange", "linspace", "full", "asarray"}
FORBIDDEN_OPTIONS = {"verbose", "tol", "return_info", "log"}
KEYWORD_ONLY = {"rtol", "atol", "maxiter", "x0", "rng", "callback", "check_finite", "method"}


def files(*, outside=()):
    """Modules of the library, without the folders and files named."""
    paths = sorted(ROOT.rglob("*.py"))
    return [p for p in paths if p.relative_to(ROOT).parts[0] not in outside]


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def calls(path):
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def where(path, node):
    return f"{path.relative_to(ROOT.parent)}:{node.lineno}"


def ids(path):
    return str(path.relative_to(ROOT))


PORTABLE = files(outside=("backend", "kernels", "errors.py", "plotting", "__main__.py", "_tour"))


@pytest.mark.parametrize("path", PORTABLE, ids=ids)
def test_new_arrays_are_given_dtype_and_device(path):
    """A forgotten one shows only on a GPU or where float32 is the default."""
    forgotten = []
    for call in calls(path):
        made = call.func
        if not (isinstance(made, ast.Attribute) and made.attr in CREATION):
            continue
        owner = made.value
        if "xp" in (getattr(owner, "id", None), getattr(owner, "attr", None)):
            given = {keyword.arg for keyword in call.keywords}
            if not {"dtype", "device"} <= given:
                forgotten.append(f"{where(path, call)} xp.{made.attr}")
    assert not forgotten


@pytest.mark.parametrize("path", PORTABLE, ids=ids)
def test_transposes_are_written_mt(path):
    found = [
        where(path, node)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == "T"
    ]
    assert not found


def imported(path):
    """Modules that a file imports, at the top or inside, also through `import_module`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node, node.module or ""
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield node, part.value


@pytest.mark.parametrize("path", PORTABLE, ids=ids)
def test_array_libraries_stay_behind_the_seam(path):
    found = [
        f"{where(path, node)} {name}"
        for node, name in imported(path)
        if name.partition(".")[0] in LIBRARIES
    ]
    assert not found


def test_errors_name_numpy_only():
    names = {name.partition(".")[0] for _, name in imported(ROOT / "errors.py")}
    assert names & LIBRARIES == {"numpy"}


@pytest.mark.parametrize("path", files(outside=("kernels",)), ids=ids)
def test_kernels_are_reached_through_the_registry(path):
    found = [where(path, node) for node, name in imported(path) if name == "linalgx.kernels"]
    if path != ROOT / "backend" / "_kernels.py":
        found += [where(path, n) for n, name in imported(path) if name.startswith("linalgx.kern")]
    assert not found


@pytest.mark.parametrize("path", files(), ids=ids)
def test_files_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    long = [
        f"{where(path, node)} {node.name} has {body_lines(node)} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > 60
    ]
    assert not long


def body_lines(function):
    """Lines of a function without signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", files(), ids=ids)
def test_filters_and_assertions_are_left_alone(path):
    """No `assert` for input checks, no warning filters, and one way to warn."""
    found = [where(path, node) for node in ast.walk(tree(path)) if isinstance(node, ast.Assert)]
    for call in calls(path):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if name in ("filterwarnings", "simplefilter", "resetwarnings", "catch_warnings"):
            found.append(where(path, call))
        owner = getattr(getattr(call.func, "value", None), "id", "")
        if (owner, name) == ("warnings", "warn") and path.name != "errors.py":
            found.append(where(path, call))
    assert not found


def sections(function):
    """Headings of a numpydoc docstring."""
    text = inspect.getdoc(function) or ""
    return {title.strip() for title in re.findall(r"^(.+)\n-{3,}$", text, flags=re.MULTILINE)}


PUBLIC = catalog.public_functions()


def test_something_is_public():
    assert len(PUBLIC) > 20


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings_are_complete(name):
    function = PUBLIC[name]
    needed = {"Parameters", "Returns", "Notes", "Examples"}
    if name.partition(".")[0] not in catalog.WITHOUT_REFERENCES:
        needed.add("References")
    assert needed <= sections(function)
    text = inspect.getdoc(function)
    for paragraph in ("**Method.**", "**Cost.**", "**Accuracy.**", "**Backends.**"):
        assert paragraph in text
    assert ">>>" in text
    first = text.splitlines()[0]
    assert first.endswith(".") and len(first) <= 100


@pytest.mark.parametrize("name", catalog.OBJECTS)
def test_docstrings_of_classes_are_complete(name):
    kind = catalog.public_classes()[name]
    text = inspect.getdoc(kind)
    first = text.splitlines()[0]
    assert first.endswith(".") and len(first) <= 100
    if catalog.OBJECTS[name].make is not None:
        assert {"Parameters", "Examples"} <= sections(kind)
        assert ">>>" in text
    undocumented = [
        key
        for key, member in vars(kind).items()
        if not key.startswith("_")
        and (inspect.isroutine(member) or isinstance(member, property))
        and not inspect.getdoc(getattr(kind, key))
    ]
    assert not undocumented


CONSTRUCTED = {
    name: catalog.public_classes().get(name)
    for name, entry in catalog.OBJECTS.items()
    if entry.make is not None
}


@pytest.mark.parametrize("name", [*PUBLIC, *CONSTRUCTED])
def test_every_parameter_is_documented(name):
    function = {**PUBLIC, **CONSTRUCTED}[name]
    text = inspect.getdoc(function)
    block = re.split(r"\n.+\n-{3,}\n", text.partition("Parameters\n----------\n")[2])[0]
    named = {
        word.strip().lstrip("*")
        for line in block.splitlines()
        if line[:1].strip() and " : " in line
        for word in line.partition(" : ")[0].split(",")
    }
    assert named == set(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", [*PUBLIC, *CONSTRUCTED])
def test_matrices_are_positional_and_options_are_named(name):
    function = {**PUBLIC, **CONSTRUCTED}[name]
    by_keyword = {*KEYWORD_ONLY, *catalog.named_arrays(name)}
    for parameter in inspect.signature(function).parameters.values():
        assert parameter.kind is not parameter.VAR_KEYWORD
        assert parameter.name not in FORBIDDEN_OPTIONS
        assert not parameter.name.startswith("overwrite")
        if parameter.name in by_keyword:
            assert parameter.kind is parameter.KEYWORD_ONLY, parameter
        elif parameter.annotation in catalog.ARRAY_ANNOTATIONS and (
            parameter.default is parameter.empty
        ):
            assert parameter.kind is parameter.POSITIONAL_ONLY, parameter
        if parameter.name in ("xp", "device", "dtype"):
            assert parameter.kind is parameter.KEYWORD_ONLY, parameter


@pytest.mark.parametrize("name", sorted({catalog.public(n) for n in catalog.CASES}))
def test_functions_of_arrays_check_their_input_on_demand(name):
    assert inspect.signature(PUBLIC[name]).parameters["check_finite"].default is True


@pytest.mark.parametrize("name", seam.SUPPORT)
def test_the_support_table_names_functions_that_exist(name):
    family, _, function = name.partition(".")
    assert callable(getattr(import_module(f"linalgx.{family}"), function))
    kernel = seam.SUPPORT[name].kernel
    assert not kernel or seam.KERNELS

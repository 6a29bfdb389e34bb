"""What the documentation takes from the code: table of backends, docstrings, list of names."""

import re
from enum import EnumType
from importlib import import_module
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging

import linalgx
from linalgx.backend import SUPPORT, Support

logger = logging.getLogger(__name__)

MODULES = ("", *linalgx._FAMILIES)
HEADER = ("function", "batches", "sparse, operators", "kernel", "notes")
LITERAL = re.compile(r"^\s*\.\. (math|code|code-block)::|[^.]::$|^\s*::$")
INITIAL = re.compile(r"^(\s*\.\. \[[^\]]+\] [A-Z])\.")
BAR = re.compile(r"(`[^`]*`)|(?<!\\)\|(?=\S)")


class SupportTable(Directive):
    """``support-table``: one row for each entry of `linalgx.backend.SUPPORT`."""

    def run(self) -> list[nodes.Node]:
        rows = [_row(name, entry) for name, entry in SUPPORT.items()]
        lines = [".. list-table::", "   :header-rows: 1", ""]
        for row in (HEADER, *rows):
            lines += [f"   {'*' if k == 0 else ' '} - {cell}" for k, cell in enumerate(row)]
        box = nodes.container()
        self.state.nested_parse(StringList(lines, "support-table"), 0, box)
        return [box]


def _row(name: str, entry: Support) -> tuple[str, ...]:
    return (
        f":obj:`{name} <linalgx.{name}>`",
        "yes" if entry.batches else "no",
        "both" if entry.operators else "sparse" if entry.sparse else "dense only",
        entry.kernel or "–",
        entry.note or "–",
    )


def _sentence(entry: Support) -> str:
    """Say in the docstring what the table says."""
    accepted = "dense arrays only"
    if entry.operators:
        accepted = "sparse arrays and operators are accepted"
    elif entry.sparse:
        accepted = "sparse arrays are accepted"
    parts = ["Leading axes are batches" if entry.batches else "One matrix a call", accepted]
    if entry.kernel:
        parts.append(f"for NumPy arrays there is a {entry.kernel} kernel")
    return "; ".join(parts) + "."


def complete_backends(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Append the entry of the support table to the Backends paragraph."""
    entry = SUPPORT.get(name.removeprefix("linalgx."))
    start = next((k for k, line in enumerate(lines) if "**Backends" in line), None)
    if entry is None or start is None:
        return
    end = next((k for k in range(start, len(lines)) if not lines[k].strip()), len(lines))
    lines.insert(end, _sentence(entry))


def escape(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep plain text of docstrings plain: ``|x|`` is a modulus, "N. Author" no list of items."""
    literal: int | None = None  # indentation of the line that opened a literal block
    doctest = False
    for k, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        doctest = bool(line.strip()) and (doctest or line.lstrip().startswith(">>>"))
        if doctest or not line.strip() or (literal is not None and indent > literal):
            continue
        literal = indent if LITERAL.search(line) else None
        if literal is None:
            line = BAR.sub(lambda found: found[1] or r"\|", line)
            lines[k] = INITIAL.sub(r"\1\.", line)


def list_values(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """List the members of an enumeration, whose values are sentences."""
    if isinstance(obj, EnumType):
        values = [x for member in obj for x in (f"``{member.name}``", f"   {member.value}")]
        summary = next(k for k, line in enumerate(lines) if line.strip())
        lines[summary + 1 : summary + 1] = ["", *values, ""]


def skip_tuple_fields(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> Any:
    """Fields of named tuples are described in the docstring of the function."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def check_names(app: Sphinx, env: Any) -> None:
    """A public name without an API page is a warning, and so an error of the build."""
    documented = env.get_domain("py").objects
    for module in MODULES:
        path = f"linalgx.{module}".rstrip(".")
        for name in import_module(path).__all__:
            if f"{path}.{name}" not in documented and name not in MODULES:
                logger.warning("%s.%s is public and has no API page", path, name)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("support-table", SupportTable)
    app.connect("autodoc-process-docstring", complete_backends, priority=600)
    app.connect("autodoc-process-docstring", escape, priority=700)
    app.connect("autodoc-process-docstring", list_values, priority=800)
    app.connect("autodoc-skip-member", skip_tuple_fields)
    app.connect("env-check-consistency", check_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

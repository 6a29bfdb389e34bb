"""Which array library an object belongs to, without importing any that is not loaded."""

import sys
from functools import cache
from typing import Any

import array_api_compat

from linalgx.typing import Array, Device, Namespace

# Name of a library -> module that offers the array-API namespace of it.
NAMESPACES = {
    "numpy": "array_api_compat.numpy",
    "cupy": "array_api_compat.cupy",
    "torch": "array_api_compat.torch",
    "array_api_strict": "array_api_strict",
}


@cache
def library_name(xp: Namespace) -> str:
    """Short name of the library behind a namespace: ``"numpy"``, ``"cupy"``, ``"torch"``, ..."""
    name: str = xp.__name__
    return name.removeprefix("array_api_compat.").partition(".")[0]


def is_array(x: object) -> bool:
    """Whether `x` is an array of a library that the array-API world knows."""
    return bool(array_api_compat.is_array_api_obj(x))


def namespace_of(*arrays: Array) -> Namespace:
    """Array-API namespace shared by all arguments."""
    return array_api_compat.array_namespace(*arrays)


def device_of(x: Array) -> Device:
    """Device of an array."""
    return array_api_compat.device(x)


def is_gpu(x: Array, *, xp: Namespace) -> bool:
    """Whether the array lives on a GPU, where matrix products are cheap and syncs are not."""
    if library_name(xp) == "cupy":
        return True
    return library_name(xp) == "torch" and x.device.type != "cpu"


def describe(x: object) -> str:
    """How error messages name what came: library and type."""
    return f"{type(x).__module__.partition('.')[0]}.{type(x).__name__}"


def loaded(name: str) -> Any:
    """Return a module that is already imported, or ``None``; never imports anything."""
    return sys.modules.get(name)

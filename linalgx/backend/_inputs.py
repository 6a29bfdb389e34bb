"""The gate: every public function passes its arrays through here once, at the top.

Below the gate all arrays are valid, floating, of one library, on one device and of one dtype.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from linalgx.backend._dtypes import ACCEPTED, default_float, is_floating, is_promotable
from linalgx.backend._libraries import describe, device_of, is_array, library_name, namespace_of
from linalgx.backend._sparse import is_operator, is_sparse, require_format
from linalgx.typing import Array, Namespace

_KINDS = "arrays of NumPy, CuPy, PyTorch or another array-API library, and lists of numbers"


def as_matrix(
    a: object, name: str, *, square: bool = False, check_finite: bool = True
) -> tuple[Namespace, Array]:
    """Admit one matrix or a batch of them, shape ``(..., m, n)``."""
    xp, (array,) = as_arrays({name: a}, check_finite=check_finite)
    if array.ndim < 2:
        raise ValueError(
            f"{name} must be a matrix or a batch of matrices, shape (..., m, n), "
            f"got shape {tuple(array.shape)}"
        )
    if square and array.shape[-1] != array.shape[-2]:
        raise ValueError(f"{name} must be square, shape (..., n, n), got {tuple(array.shape)}")
    return xp, array


def as_vector(x: object, name: str, *, check_finite: bool = True) -> tuple[Namespace, Array]:
    """Admit one vector or a batch of them, shape ``(..., n)``."""
    xp, (array,) = as_arrays({name: x}, check_finite=check_finite)
    if array.ndim < 1:
        raise ValueError(f"{name} must be a vector, shape (..., n), got a scalar")
    return xp, array


def as_operand(a: object, name: str, *, check_finite: bool = True) -> tuple[Namespace, Any]:
    """Admit a matrix, or anything that multiplies like one, for functions that need products."""
    if is_operator(a):
        return operand_namespace(a), a
    if is_sparse(a):
        return _as_sparse(a, name, check_finite=check_finite)
    return as_matrix(a, name, check_finite=check_finite)


def as_arrays(
    named: Mapping[str, object], *, check_finite: bool = True
) -> tuple[Namespace, tuple[Array, ...]]:
    """Admit several arrays that must share library, device and, after promotion, dtype."""
    for name, x in named.items():
        _reject_kind(x, name)
    arrays = {name: x for name, x in named.items() if is_array(x)}
    lists = [name for name in named if name not in arrays]
    xp = _common_namespace(arrays)
    if arrays and lists and library_name(xp) != "numpy":
        raise TypeError(
            f"{lists[0]} is a {type(named[lists[0]]).__name__} beside {library_name(xp)} arrays; "
            f"convert it with linalgx.to_backend(..., {library_name(xp)!r})"
        )
    raw = {n: arrays[n] if n in arrays else _from_list(x, n) for n, x in named.items()}
    _check_devices(raw)
    xp = namespace_of(*raw.values())
    done = tuple(_to_float(x, name, xp=xp) for name, x in raw.items())
    if len(done) > 1:
        dtype = xp.result_type(*done)
        done = tuple(xp.astype(x, dtype, copy=False) for x in done)
    if check_finite:
        for name, x in zip(raw, done, strict=True):
            require_finite(x, name, xp=xp)
    return xp, done


def require_finite(x: Array, name: str, *, xp: Namespace) -> None:
    """Raise when an entry is NaN or infinite, saying how many are."""
    if not bool(xp.all(xp.isfinite(x))):
        bad = int(xp.sum(xp.astype(~xp.isfinite(x), xp.int64)))
        raise ValueError(
            f"{name} must hold finite numbers, got {bad} NaN or infinite entries; "
            f"check_finite=False skips this check"
        )


def operand_namespace(a: Any) -> Namespace:
    """Namespace of the arrays that an operator takes: its own ``xp``, or by its library."""
    own = getattr(a, "xp", None)
    if own is not None and hasattr(own, "asarray"):
        return own
    # A user's subclass of an operator lives in the user's module.
    if any(kind.__module__.startswith("cupy") for kind in type(a).__mro__):
        import array_api_compat.cupy as xp
    else:
        import array_api_compat.numpy as xp
    return xp


def _reject_kind(x: object, name: str) -> None:
    """Turn away what looks like an array and is not one for our purposes."""
    if is_sparse(x) or is_operator(x):
        raise TypeError(
            f"{name} must be a dense array, got {describe(x)}; "
            f"make it dense with .toarray(), or as products with the identity, if it fits"
        )
    if describe(x) == "dask.Array":
        raise TypeError(f"{name} is a Dask array; make it a map with LinearMap.from_dask")
    layout = str(getattr(x, "layout", "torch.strided"))  # of PyTorch's tensors
    if isinstance(x, np.matrix | np.ma.MaskedArray) or layout != "torch.strided":
        raise TypeError(f"{name} must be a plain array, got {describe(x)}; accepted are {_KINDS}")
    if not (is_array(x) or isinstance(x, list | tuple | int | float | complex | np.generic)):
        raise TypeError(f"{name} must be an array, got {describe(x)}; accepted are {_KINDS}")


def _common_namespace(arrays: Mapping[str, Array]) -> Namespace:
    """Namespace of all, or an error that names the two libraries that met."""
    first: tuple[str, Namespace] | None = None
    for name, x in arrays.items():
        xp = namespace_of(x)
        if first is None:
            first = name, xp
        elif xp is not first[1]:
            raise TypeError(
                f"{first[0]} is an array of {library_name(first[1])} and {name} of "
                f"{library_name(xp)}; move one of them with linalgx.to_backend"
            )
    return None if first is None else first[1]


def _check_devices(arrays: Mapping[str, Array]) -> None:
    """Arrays on two devices are never moved silently."""
    places = {name: device_of(x) for name, x in arrays.items()}
    (first, device), *others = places.items()
    for name, other in others:
        if other != device:
            raise TypeError(
                f"{first} is on device {device} and {name} on {other}; "
                f"move one of them with linalgx.to_backend"
            )


def _from_list(x: object, name: str) -> Array:
    """Make a NumPy array of nested lists of numbers; refuse ragged ones and text."""
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise TypeError(f"{name} must be a rectangular nest of numbers: {error}") from None
    return array


def _to_float(x: Array, name: str, *, xp: Namespace) -> Array:
    """Keep the four floating dtypes, promote integers and bool, refuse the rest."""
    try:
        if is_floating(x.dtype, xp=xp):
            return x
        if is_promotable(x.dtype, xp=xp):
            return xp.astype(x, default_float(device_of(x), xp=xp))
    except (TypeError, ValueError):
        pass  # a dtype that the namespace has never heard of, such as object
    raise TypeError(f"{name} has dtype {x.dtype}; accepted are {ACCEPTED}")


def _as_sparse(a: Any, name: str, *, check_finite: bool) -> tuple[Namespace, Any]:
    """Admit a sparse container of an accepted format and dtype; check its stored entries."""
    require_format(a, name)
    xp = operand_namespace(a)
    if not is_floating(a.dtype, xp=xp):
        if not is_promotable(a.dtype, xp=xp):
            raise TypeError(f"{name} has dtype {a.dtype}; accepted are {ACCEPTED}")
        a = a.astype(xp.float64)
    if check_finite:
        require_finite(a.data, f"the stored entries of {name}", xp=xp)
    return xp, a

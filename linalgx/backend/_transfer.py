"""The way between host and device, always written out."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from typing import Any

import array_api_compat
import numpy as np

from linalgx.backend._libraries import NAMESPACES, device_of, is_array, library_name, namespace_of
from linalgx.backend._sparse import is_sparse
from linalgx.typing import Array, Device, DType, Namespace


def host_float(x: Array) -> float:
    """Value of a zero-dimensional array: the one synchronisation with the device."""
    return float(x.detach() if hasattr(x, "detach") else x)  # PyTorch warns about gradients


def to_host(x: Array) -> Any:
    """NumPy copy or view of an array of any library."""
    xp = namespace_of(x)
    match library_name(xp):
        case "numpy":
            return np.asarray(x)
        case "cupy":
            return x.get()
        case "torch":
            return x.detach().cpu().resolve_conj().resolve_neg().numpy()
        case "array_api_strict":
            return np.asarray(xp.asarray(x, device=xp.Device("CPU_DEVICE")))
    return np.from_dlpack(array_api_compat.to_device(x, "cpu"))


def from_host(host: Any, *, like: Array, xp: Namespace, dtype: DType | None = None) -> Array:
    """Array of the library and device of `like`; its own dtype is kept unless one is given."""
    return _born(host, device=device_of(like), dtype=dtype, xp=xp)


def host_array(values: Any) -> Any:
    """NumPy float64 array for coefficients, which are computed and used on the host."""
    return np.asarray(values, dtype=np.float64)


def host_integers(values: Any) -> Any:
    """NumPy int64 array for positions that are chosen on the host."""
    return np.asarray(values, dtype=np.int64)


def to_numpy(x: Any) -> Any:
    """Bring arrays to the host as NumPy arrays.

    Parameters
    ----------
    x : array, sparse container or nest of them
        Lists, tuples, named tuples, dictionaries and results of this library are walked;
        what is no array comes back as it is.

    Returns
    -------
    Any
        The same structure with NumPy arrays, and SciPy sparse containers for sparse ones.

    Examples
    --------
    >>> import linalgx as lx
    >>> lx.to_numpy({"a": [1.0], "n": 3})
    {'a': [1.0], 'n': 3}
    """
    if is_sparse(x):
        return x.get() if type(x).__module__.startswith("cupyx") else x
    return to_host(x) if is_array(x) else _walk(x, to_numpy)


def to_backend(x: Any, name: str, device: Device | None = None) -> Any:
    """Move arrays to another library, or to another device of it.

    Parameters
    ----------
    x : array, sparse container or nest of them
        As for `to_numpy`.
    name : str
        ``"numpy"``, ``"cupy"``, ``"torch"`` or ``"array_api_strict"``.
    device : device, optional
        A device of that library; its default when ``None``.

    Returns
    -------
    Any
        The same structure with arrays of library `name`.

    Raises
    ------
    ImportError
        The library is not installed.
    ValueError
        The library is not known.

    Examples
    --------
    >>> import linalgx as lx
    >>> import numpy as np
    >>> type(lx.to_backend(np.eye(2), "numpy")).__name__
    'ndarray'
    """
    xp = load_namespace(name)
    if is_sparse(x):
        return _sparse_to(x, name)
    if is_array(x):
        if namespace_of(x) is xp and device in (None, device_of(x)):
            return x
        return _born(to_host(x), device=device, dtype=None, xp=xp)
    return _walk(x, lambda part: to_backend(part, name, device))


def load_namespace(name: str) -> Namespace:
    """Import the array-API namespace of a library by its short name."""
    if name not in NAMESPACES:
        raise ValueError(f"backend must be one of {', '.join(sorted(NAMESPACES))}, got {name!r}")
    try:
        return import_module(NAMESPACES[name])
    except ImportError as error:
        raise ImportError(f"backend {name!r} needs {INSTALL[name]}: {error}") from error


INSTALL = {
    "numpy": "pip install numpy",
    "cupy": "pip install 'linalgx[cuda13]' (or [cuda12])",
    "torch": "pip install torch",
    "array_api_strict": "pip install array-api-strict",
}


def _born(host: Any, *, device: Device | None, dtype: DType | None, xp: Namespace) -> Array:
    """Array with the values of a NumPy array.

    PyTorch knows no negative strides and no read-only memory, so such arrays are copied first.
    """
    if library_name(xp) == "torch" and not (
        host.flags.writeable and all(stride >= 0 for stride in host.strides)
    ):
        host = host.copy()
    return xp.asarray(host, device=device, dtype=dtype, copy=None)


def _walk(x: Any, move: Any) -> Any:
    """Apply `move` to the parts of a container, keeping its type."""
    if isinstance(x, Mapping):
        return {key: move(part) for key, part in x.items()}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(move(part) for part in x))
    if isinstance(x, list | tuple):
        return type(x)(move(part) for part in x)
    if is_dataclass(x) and not isinstance(x, type):
        return replace(x, **{f.name: move(getattr(x, f.name)) for f in fields(x) if f.init})
    return x


def _sparse_to(x: Any, name: str) -> Any:
    on_gpu = type(x).__module__.startswith("cupyx")
    if name == "numpy":
        return x.get() if on_gpu else x
    if name == "cupy":
        sparse = import_module("cupyx.scipy.sparse")
        if on_gpu:
            return x
        x = x if hasattr(sparse, type(x).__name__) else x.tocsr()  # CuPy lacks BSR, LIL and DOK
        return getattr(sparse, type(x).__name__)(x)
    raise TypeError(f"sparse containers exist for numpy and cupy, not for {name}")

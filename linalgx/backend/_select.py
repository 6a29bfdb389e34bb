"""Where arrays that have no input to follow are born, and what is installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec

from linalgx.backend._dtypes import FLOATING, default_float
from linalgx.backend._libraries import NAMESPACES, library_name
from linalgx.backend._transfer import INSTALL, load_namespace
from linalgx.typing import Device, DType, Namespace

# Context-local: two threads or tasks do not disturb each other.
_selected: ContextVar[str] = ContextVar("linalgx_backend", default="numpy")


def set_backend(name: str) -> None:
    """Choose where arrays that have no input to follow are born.

    Computations are not affected: they always follow their inputs.

    Parameters
    ----------
    name : str
        ``"numpy"`` (the default), ``"cupy"``, ``"torch"`` or ``"array_api_strict"``.

    Raises
    ------
    ImportError
        The library is not installed; the message holds the install line.
    ValueError
        The name is not known.

    See Also
    --------
    use_backend : The same for the length of a ``with`` block.

    Notes
    -----
    The choice is local to the context (thread or task); a new thread starts with NumPy
    before Python 3.14.

    Examples
    --------
    >>> import linalgx as lx
    >>> lx.set_backend("numpy")
    """
    load_namespace(name)
    _selected.set(name)


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Choose where new arrays are born for the length of a ``with`` block.

    Parameters
    ----------
    name : str
        As for `set_backend`.

    Yields
    ------
    None

    Examples
    --------
    >>> import linalgx as lx
    >>> with lx.use_backend("numpy"):
    ...     a = lx.gallery.hilbert(3)
    """
    load_namespace(name)
    token = _selected.set(name)
    try:
        yield
    finally:
        _selected.reset(token)


def default_namespace(
    xp: Namespace | None, device: Device | None, dtype: DType | None
) -> tuple[Namespace, Device, DType]:
    """Fill in library, device and dtype for a function that has no array input."""
    xp = load_namespace(_selected.get()) if xp is None else _compat(xp)
    info = xp.__array_namespace_info__()
    device = info.default_device() if device is None else device
    dtype = default_float(device, xp=xp) if dtype is None else dtype
    if isinstance(dtype, str) and dtype in FLOATING:
        dtype = getattr(xp, dtype)
    if not any(dtype == getattr(xp, name) for name in FLOATING):
        raise TypeError(f"dtype must be one of {', '.join(FLOATING)}, got {dtype!r}")
    return xp, device, dtype


def _compat(xp: Namespace) -> Namespace:
    """Accept ``numpy`` where ``array_api_compat.numpy`` is meant, and names of libraries."""
    if isinstance(xp, str):
        return load_namespace(xp)
    name = library_name(xp)
    return load_namespace(name) if name in NAMESPACES else xp


def available_backends() -> dict[str, str]:
    """Say which backends can be used, and for the others why not.

    Returns
    -------
    dict of str to str
        For each backend its version and devices, or the reason it is not usable and the
        install line.

    Examples
    --------
    >>> import linalgx as lx
    >>> sorted(lx.available_backends())
    ['array_api_strict', 'cupy', 'numpy', 'torch']
    """
    return {name: _state(name) for name in NAMESPACES}


def show_config() -> str:
    """Describe versions, backends and devices in a few lines, for reports of problems.

    Returns
    -------
    str
        Plain text, one line for each package and backend.

    Examples
    --------
    >>> import linalgx as lx
    >>> print(lx.show_config().splitlines()[0].split()[0])
    linalgx
    """
    packages = ("linalgx", "scipy", "numba", "array-api-compat", "array-api-extra")
    lines = [f"{name:<18}{_version(name)}" for name in packages]
    lines += [f"{name:<18}{state}" for name, state in available_backends().items()]
    lines.append(f"{'new arrays on':<18}{_selected.get()}")
    return "\n".join(lines)


def _version(distribution: str) -> str:
    """Installed version; wheels of CuPy carry the CUDA version in their name."""
    metadata = import_module("importlib.metadata")  # a fifth of the import time of this package
    for name in (distribution, f"{distribution}-cuda13x", f"{distribution}-cuda12x"):
        try:
            return str(metadata.version(name))
        except metadata.PackageNotFoundError:
            continue
    return "not installed"


def _state(name: str) -> str:
    """One line on a backend: version and devices, or why it cannot be used."""
    if find_spec(name) is None:
        return f"not installed: {INSTALL[name]}"
    try:
        devices = _devices(name)
    except (ImportError, OSError, RuntimeError) as error:
        return f"not usable: {error}"
    return f"{_version(name.replace('_', '-'))} on {', '.join(devices)}"


def _devices(name: str) -> list[str]:
    """List the devices of an installed backend; an error when there is none."""
    xp = load_namespace(name)
    if name == "torch":  # asking it for all devices warns about ones that it no longer has
        return ["cpu", *(f"cuda:{k}" for k in range(xp.cuda.device_count()))]
    if name == "cupy":
        return [f"GPU {k}" for k in range(xp.cuda.runtime.getDeviceCount())]
    return [str(d) for d in xp.__array_namespace_info__().devices()]

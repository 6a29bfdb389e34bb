"""A double of CuPy on the host that keeps host and device apart as strictly as CuPy does.

Its arrays are no NumPy arrays, take none as operands, and become one only by ``get``; every way
back to the host is counted, also where CuPy waits unasked: for the sizes of what a mask selects,
and for the success of a factorization under `errstate`. Sparse containers are SciPy's, behind the
constructors and methods of CuPy 14.2 that the library uses, without BSR; slices that cuSPARSE could
not read are refused. What it cannot show is what CuPy itself gets wrong.
"""

import sys
from contextlib import contextmanager
from functools import wraps
from types import ModuleType, SimpleNamespace

import array_api_compat
import array_api_compat.numpy as host_xp
import numpy as np
import scipy.fft
import scipy.linalg
import scipy.sparse
from numpy.lib.mixins import NDArrayOperatorsMixin

DEVICE = SimpleNamespace(id=0)
trips = [0]
"""How often something came back to the host."""


def counted(value):
    trips[0] += 1
    return value


class ndarray(NDArrayOperatorsMixin):  # noqa: N801
    """Array that only `get`, or the conversion to a Python number, brings to the host."""

    __module__ = "cupy"
    __hash__ = None
    device = DEVICE

    def __init__(self, host):
        self.host = host

    def __getattr__(self, name):
        if name in ("shape", "dtype", "ndim", "size", "nbytes", "itemsize"):
            return getattr(self.host, name)
        if name in ("mT", "real", "imag"):
            return ndarray(getattr(self.host, name))
        raise AttributeError(name)

    @property
    def data(self):
        return SimpleNamespace(ptr=self.host.__array_interface__["data"][0])

    def get(self):
        return counted(np.array(self.host))

    def astype(self, dtype, copy=True):
        return ndarray(self.host.astype(dtype, copy=copy))

    def copy(self):
        return ndarray(self.host.copy())

    def __bool__(self):
        return counted(bool(self.host))

    def __float__(self):
        return counted(float(self.host))

    def __int__(self):
        return counted(int(self.host))

    def __getitem__(self, key):
        keys = key if isinstance(key, tuple) else (key,)
        masks = any(isinstance(k, ndarray) and k.dtype.kind == "b" for k in keys)
        found = wrapped(self.host[unwrapped(key)])
        return counted(found) if masks else found

    def __setitem__(self, key, value):
        self.host[unwrapped(key)] = unwrapped(value)

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if any(isinstance(x, Container) for x in inputs):
            return NotImplemented
        into = {} if out is None else {"out": tuple(unwrapped(x) for x in out)}
        found = getattr(ufunc, method)(*map(unwrapped, inputs), **into, **options)
        return wrapped(found) if out is None else out[0]

    def __array_function__(self, function, types, args, kwargs):
        raise TypeError(f"numpy.{function.__name__} was called with a CuPy array")


def wrapped(x):
    if isinstance(x, np.ndarray | np.generic):
        return ndarray(np.asarray(x))
    if isinstance(x, tuple | list):
        parts = [wrapped(part) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return x


def unwrapped(x):
    if isinstance(x, ndarray):
        return x.host
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    return type(x)(unwrapped(part) for part in x) if isinstance(x, tuple | list) else x


def lifted(function):
    """Let a function of NumPy arrays take and return arrays of the double."""

    @wraps(function)
    def call(*args, **options):
        options = {k: None if v is DEVICE else unwrapped(v) for k, v in options.items()}
        return wrapped(function(*map(unwrapped, args), **options))

    return call


def namespace(original, name):
    new = ModuleType(name)
    for key, value in vars(original).items():
        plain = key.startswith("__") or isinstance(value, type | ModuleType)
        setattr(new, key, value if plain or not callable(value) else lifted(value))
    new.__name__ = name
    return new


# --- sparse containers -----------------------------------------------------------------------


class Container:
    """Sparse array of CuPy, as far as it is used."""

    __array_ufunc__ = None
    __module__ = "cupyx.scipy.sparse._double"

    def __init__(self, parts, shape=None):
        if scipy.sparse.issparse(parts):
            self.host = parts
            return
        if any(x.data.ptr % 16 for x in parts if isinstance(x, ndarray)):
            raise RuntimeError("misaligned address")
        make = getattr(scipy.sparse, type(self).__name__)
        self.host = counted(make(unwrapped(parts), shape=shape))

    def __getattr__(self, name):
        if name in ("shape", "dtype", "nnz", "format", "has_canonical_format"):
            return getattr(self.host, name)
        if name in ("data", "indices", "indptr"):
            return ndarray(getattr(self.host, name))
        if name in ("copy", "astype", "conj", "transpose", "sum_duplicates", "diagonal", "toarray"):
            return lambda *args, **options: sparse(getattr(self.host, name)(*args, **options))
        raise AttributeError(name)

    def tocsr(self):
        return self if self.format == "csr" else sparse(self.host.tocsr())

    def __matmul__(self, x):
        other = x.host if isinstance(x, Container | ndarray) else unwrapped(x)
        found = self.host @ other
        return sparse(found) if isinstance(x, Container) else ndarray(np.asfortranarray(found))

    def __mul__(self, number):
        return sparse(self.host * unwrapped(number))

    def __sub__(self, other):
        return sparse(self.host - other.host)


NAMES = ("csr_array", "csc_array", "coo_array", "dia_array", "csr_matrix", "csc_matrix")
KINDS = {name: type(name, (Container,), {"__module__": Container.__module__}) for name in NAMES}


def sparse(x):
    """Return SciPy's container as the double's."""
    return KINDS[type(x).__name__](x) if scipy.sparse.issparse(x) else wrapped(x)


# --- the modules -----------------------------------------------------------------------------


loud = [False]
"""Whether factorizations are asked for their success."""


@contextmanager
def errstate(*, linalg):
    before, loud[0] = loud[0], linalg == "raise"
    try:
        yield
    finally:
        loud[0] = before


def solve_triangular(a, b, *, lower, trans, check_finite):
    return ndarray(scipy.linalg.solve_triangular(a.host, b.host, lower=lower, trans=trans))


def waiting(function, times=lambda *args, **options: 1):
    """Let a function wait for the device so often."""

    @wraps(function)
    def call(*args, **options):
        trips[0] += times(*args, **options)
        return function(*args, **options)

    return call


def _namespace():
    """Namespace of the arrays; one for all, as array-api-compat remembers it."""
    xp = namespace(host_xp, "array_api_compat.cupy")
    xp.linalg = namespace(host_xp.linalg, "array_api_compat.cupy.linalg")
    for name in ("cholesky", "eigh", "eigvalsh", "inv", "qr", "solve", "svd", "svdvals"):
        asked = waiting(getattr(xp.linalg, name), lambda *args, **options: int(loud[0]))
        setattr(xp.linalg, name, asked)
    for name in ("isdtype", "finfo", "iinfo"):
        setattr(xp, name, getattr(host_xp, name))
    for name in ("nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values"):
        setattr(xp, name, waiting(getattr(xp, name)))
    # array-api-compat assigns by a mask for each bound
    xp.clip = waiting(xp.clip, lambda x, *bounds, **named: len(bounds) + len(named))
    xp.astype = lambda x, dtype, copy=True: x.astype(dtype, copy=copy)
    xp.asarray = lambda x, dtype=None, device=None, copy=None: ndarray(
        np.array(x.host if isinstance(x, ndarray) else x, dtype=dtype)
    )
    xp.result_type = lambda *args: host_xp.result_type(*map(unwrapped, args))
    return xp


XP = _namespace()
PARTS = (".scipy", ".scipy.fft", ".scipy.linalg", ".scipy.sparse")


def install(monkeypatch):
    """Put the double in CuPy's place; returns the namespace of its arrays."""
    modules = {
        name: ModuleType(name) for name in ("cupy", *(f"cupyx{part}" for part in ("", *PARTS)))
    }
    modules["cupy"].ndarray = ndarray
    modules["cupy"].random = SimpleNamespace(Generator=type("Generator", (), {}))
    modules["cupyx"].errstate = errstate
    modules["cupyx.scipy.linalg"].solve_triangular = solve_triangular
    for name in ("dct", "idct"):
        setattr(modules["cupyx.scipy.fft"], name, lifted(getattr(scipy.fft, name)))
    vars(modules["cupyx.scipy.sparse"]).update(KINDS, issparse=lambda x: isinstance(x, Container))
    for name, module in {**modules, XP.__name__: XP}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(array_api_compat, "cupy", XP, raising=False)
    return XP

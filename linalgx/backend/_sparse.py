"""Recognising sparse containers and linear operators without importing their libraries."""

from importlib import import_module
from typing import Any

from linalgx.backend._libraries import library_name, loaded
from linalgx.typing import Array, Namespace

# Only classes of loaded modules can have instances, so nothing here needs an import.
_SPARSE_MODULES = ("scipy.sparse", "cupyx.scipy.sparse")
FORMATS = ("csr", "csc", "coo", "dia", "bsr")


def is_sparse(x: object) -> bool:
    """Whether `x` is a sparse array or matrix of SciPy or CuPy."""
    modules = (loaded(name) for name in _SPARSE_MODULES)
    return any(bool(m.issparse(x)) for m in modules if m is not None)


def is_operator(x: Any) -> bool:
    """Whether `x` offers shape, dtype and products, and is no array: a linear operator."""
    if is_sparse(x) or hasattr(x, "__array_namespace__") or hasattr(x, "__array__"):
        return False
    kind = type(x)  # asked instead of `x`, because `LinearMap.adjoint` raises when there is none
    return (
        hasattr(x, "shape")
        and hasattr(x, "dtype")
        and hasattr(kind, "__matmul__")
        and (hasattr(kind, "matmat") or hasattr(kind, "adjoint"))
        and not hasattr(kind, "__setitem__")
    )


def require_format(a: Any, name: str) -> None:
    """Turn away sparse formats that are made for building matrices, not for products."""
    if a.format not in FORMATS:
        raise TypeError(
            f"{name} has the sparse format {a.format!r}; accepted are {', '.join(FORMATS)}; "
            f"convert it with .tocsr()"
        )


def to_csr(a: Any) -> Any:
    """Compressed rows of a sparse container, sorted and without duplicates; `a` stays as it is."""
    require_format(a, "a")
    csr = a.tocsr()
    if csr.has_canonical_format:
        return csr
    if csr is a:
        csr = a.copy()
    csr.sum_duplicates()
    return csr


def csr_parts(a: Any) -> tuple[Array, Array, Array]:
    """Return stored entries, their columns, and where each row starts, of a CSR container."""
    return a.data, a.indices, a.indptr


def make_csr(
    data: Array, indices: Array, indptr: Array, shape: tuple[int, int], *, xp: Namespace
) -> Any:
    """CSR container of the library of `data`, from sorted parts without duplicates."""
    parts = (data, indices, indptr)
    if library_name(xp) == "cupy":
        parts = tuple(_aligned(part) for part in parts)
    return _container("csr", xp)(parts, shape=shape)


def _aligned(x: Array) -> Array:
    """Copy of a slice that begins where cuSPARSE, which reads 16 bytes at a time, cannot begin."""
    return x.copy() if x.data.ptr % 16 else x


def block_product(a: Any, x: Array) -> Array:
    """Product of a sparse container, or an array, with a vector or a block.

    A block of one column goes to cuSPARSE as the vector that it is, as SciPy does by itself.
    """
    if x.ndim == 2 and x.shape[1] == 1 and type(a).__module__.startswith("cupyx"):
        return (a @ x[:, 0])[:, None]
    return a @ x


def adjoint_product(a: Any, x: Array) -> Array:
    """Product of the adjoint of a sparse container with a block; nothing of `a` is copied."""
    if a.dtype.kind != "c":
        return block_product(a.transpose(), x)
    return block_product(a.transpose(), x.conj()).conj()


def csr_from_triplets(
    rows: Array, columns: Array, values: Array, shape: tuple[int, int], *, xp: Namespace
) -> Any:
    """CSR container from entries and their places; entries of the same place are added up."""
    if max(shape) < 2**31:
        rows, columns = (xp.astype(x, xp.int32, copy=False) for x in (rows, columns))
    csr = _container("coo", xp)((values, (rows, columns)), shape=shape).tocsr()
    csr.sum_duplicates()
    return csr


def _container(kind: str, xp: Namespace) -> Any:
    """Class of sparse arrays of a format; of matrices where the library has no arrays."""
    modules = {"numpy": "scipy.sparse", "cupy": "cupyx.scipy.sparse"}
    name = library_name(xp)
    if name not in modules:
        raise TypeError(f"sparse containers exist for numpy and cupy, not for {name}")
    module = import_module(modules[name])
    return getattr(module, f"{kind}_array", None) or getattr(module, f"{kind}_matrix")

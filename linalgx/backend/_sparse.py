"""Recognising sparse containers and linear operators without importing their libraries."""

from typing import Any

from linalgx.backend._libraries import loaded

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
    return (
        hasattr(x, "shape")
        and hasattr(x, "dtype")
        and hasattr(x, "__matmul__")
        and (hasattr(x, "matmat") or hasattr(x, "adjoint"))
        and not hasattr(x, "__setitem__")
    )


def to_csr(a: Any) -> Any:
    """Compressed rows of a sparse container, as a sparse array where the library has them."""
    if a.format not in FORMATS:
        raise TypeError(f"sparse format {a.format!r} is not accepted; accepted are {FORMATS}")
    return a.tocsr()

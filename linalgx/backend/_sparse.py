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
    """Compressed rows of a sparse container, as a sparse array where the library has them."""
    require_format(a, "a")
    return a.tocsr()

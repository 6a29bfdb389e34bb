"""Precision of arrays: which dtypes are accepted, and the constants tolerances are made of."""

from functools import cache

from linalgx.typing import Array, Device, DType, Namespace

FLOATING = ("float32", "float64", "complex64", "complex128")
ACCEPTED = "float32, float64, complex64, complex128, integer and bool"


def is_floating(dtype: DType, *, xp: Namespace) -> bool:
    """Whether the dtype is one that computations keep."""
    return any(dtype == getattr(xp, name) for name in FLOATING)


def is_promotable(dtype: DType, *, xp: Namespace) -> bool:
    """Whether the dtype is an integer or bool that becomes the default float."""
    return bool(xp.isdtype(dtype, ("bool", "integral")))


def default_float(device: Device, *, xp: Namespace) -> DType:
    """Return the real floating dtype that a device gives to Python floats."""
    return xp.__array_namespace_info__().default_dtypes(device=device)["real floating"]


def is_complex(a: Array, *, xp: Namespace) -> bool:
    """Whether the array holds complex numbers."""
    return _is_complex_dtype(a.dtype, xp)


@cache
def _is_complex_dtype(dtype: DType, xp: Namespace) -> bool:
    """Remembered: the question is asked at every turn, and `isdtype` takes its time."""
    return bool(xp.isdtype(dtype, "complex floating"))


def real_dtype(a: Array, *, xp: Namespace) -> DType:
    """Real dtype of the precision of `a`."""
    if not is_complex(a, xp=xp):
        return a.dtype
    return xp.float32 if a.dtype == xp.complex64 else xp.float64


def eps(a: Array, *, xp: Namespace) -> float:
    """Distance from 1 to the next number in the precision of `a`: 2.2e-16 or 1.2e-7."""
    return float(xp.finfo(real_dtype(a, xp=xp)).eps)


def safe_min(a: Array, *, xp: Namespace) -> float:
    """Smallest positive normal number in the precision of `a`."""
    return float(xp.finfo(real_dtype(a, xp=xp)).smallest_normal)

"""The gate for functions of real arrays."""

from collections.abc import Mapping

from linalgx.backend import as_arrays, is_complex
from linalgx.typing import Array, Namespace


def real_arrays(
    named: Mapping[str, object], *, check_finite: bool
) -> tuple[Namespace, tuple[Array, ...]]:
    """Admit arrays of one library, device and dtype, and name the one that is complex."""
    xp, arrays = as_arrays(named, check_finite=check_finite)
    if arrays and is_complex(arrays[0], xp=xp):
        for name, x in named.items():
            _, (own,) = as_arrays({name: x}, check_finite=False)
            if is_complex(own, xp=xp):
                raise TypeError(
                    f"{name} has dtype {own.dtype}; accepted are float32, float64, integer and bool"
                )
    return xp, arrays

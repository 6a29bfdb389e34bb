"""Names for the kinds of values that cross the public interface.

The array API standard has no published static protocol, so `Array` and its companions are
documented aliases: they tell a reader what is meant, and a type checker lets them pass.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from linalgx.results import IterationState

Array: TypeAlias = Any
"""An array of NumPy, CuPy, PyTorch or another array-API library."""

Namespace: TypeAlias = Any
"""The array-API namespace of an array, usually called ``xp``."""

DType: TypeAlias = Any
"""A data type object of some array library."""

Device: TypeAlias = Any
"""A device object of some array library."""

RNGLike: TypeAlias = Any
"""``None``, an integer, a ``SeedSequence`` or a random ``Generator`` (SPEC 7)."""

MatrixLike: TypeAlias = Any
"""An array, a sparse container, a linear operator or a `LinearMap`."""

Callback: TypeAlias = Callable[["IterationState"], object]
"""An observer of an iteration; it may raise ``StopIteration`` to end the run."""

"""The backend legs: every numerical test runs on each of them.

``device2`` of array-api-strict has float32 as its default, so a missing ``dtype=`` shows;
the read-only leg shows writes into inputs.
"""

import os

# Tests check numbers, not speed; one BLAS thread keeps parallel runs from fighting.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import array_api_compat
import numpy as np
import pytest
from hypothesis import settings
from quick_strict import quicken

import linalgx.backend as seam

quicken()
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("repeatable")


@dataclass(frozen=True)
class Leg:
    """One library, device and dtype."""

    name: str
    module: str
    dtype_name: str
    device_name: str | None = None
    readonly: bool = False

    @property
    def xp(self) -> Any:
        return import_module(self.module)

    @property
    def device(self) -> Any:
        if self.device_name is None:
            return None
        return self.xp.Device(self.device_name)

    @property
    def dtype(self) -> Any:
        return getattr(self.xp, self.dtype_name)

    @property
    def real_name(self) -> str:
        return {"complex128": "float64", "complex64": "float32"}.get(
            self.dtype_name, self.dtype_name
        )

    @property
    def real_dtype(self) -> Any:
        return getattr(self.xp, self.real_name)

    @property
    def eps(self) -> float:
        return float(np.finfo(self.real_name).eps)

    @property
    def is_complex(self) -> bool:
        return self.dtype_name.startswith("complex")

    @property
    def library(self) -> str:
        return seam.library_name(self.xp)

    def asarray(self, host: Any) -> Any:
        """Array of this leg with the values of `host`, cast to its dtype."""
        array = self.xp.asarray(np.array(host, dtype=self.dtype_name), device=self.device)
        if self.readonly:
            array.setflags(write=False)
        return array

    def randn(self, *shape: int, seed: int = 0) -> Any:
        return self.asarray(self._randn(*shape, seed=seed))

    def _randn(self, *shape: int, seed: int = 0) -> Any:
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(shape)
        return x + 1j * rng.standard_normal(shape) if self.is_complex else x

    def isometry(self, m: int, n: int, seed: int = 0) -> Any:
        """Host array, m x n, orthonormal columns, in double precision."""
        return np.linalg.qr(self._randn(m, n, seed=seed))[0]

    def randsvd(self, m: int, n: int, cond: float, mode: str = "geometric", seed: int = 0) -> Any:
        """Matrix with the named spectrum and random singular vectors, complex on that leg."""
        k = min(m, n)
        s = {
            "geometric": lambda: np.geomspace(1, 1 / cond, k),
            "arithmetic": lambda: np.linspace(1, 1 / cond, k),
            "one_small": lambda: np.r_[np.ones(k - 1), 1 / cond],
            "one_large": lambda: np.r_[1.0, np.full(k - 1, 1 / cond)],
        }[mode]()
        u, v = self.isometry(m, k, seed), self.isometry(n, k, seed + 1)
        return self.asarray((u * s) @ v.conj().T)

    def to_numpy(self, x: Any) -> Any:
        return seam.to_host(x)

    def matches(self, x: Any) -> bool:
        """Whether `x` is an array of this leg's library and device."""
        if not array_api_compat.is_array_api_obj(x) or seam.namespace_of(x) is not self.xp:
            return False
        return self.device is None or seam.device_of(x) == self.device

    def __str__(self) -> str:
        return self.name


def _gpu() -> bool:
    """Whether CuPy can be used here."""
    if find_spec("cupy") is None:
        return False
    runtime = import_module("cupy").cuda.runtime
    try:
        return bool(runtime.getDeviceCount())
    except runtime.CUDARuntimeError:
        return False


def _legs() -> list[Leg]:
    np_, strict = "array_api_compat.numpy", "array_api_strict"
    legs = [
        Leg("numpy-float64", np_, "float64"),
        Leg("numpy-float32", np_, "float32"),
        Leg("numpy-complex128", np_, "complex128"),
        Leg("numpy-readonly", np_, "float64", readonly=True),
        Leg("strict-cpu", strict, "float64", "CPU_DEVICE"),
        Leg("strict-device1", strict, "float32", "device1"),
        Leg("strict-device2", strict, "float64", "device2"),
        Leg("strict-no_float64", strict, "float32", "no_float64"),
    ]
    if find_spec("torch") is not None:
        torch = "array_api_compat.torch"
        legs += [Leg("torch-float64", torch, "float64"), Leg("torch-float32", torch, "float32")]
    if _gpu():
        cupy = "array_api_compat.cupy"
        legs += [Leg(f"cupy-{d}", cupy, d) for d in ("float64", "float32", "complex128")]
    return legs


def _complex_legs() -> list[Leg]:
    """Complex numbers in both precisions and every library, for tests of the seam."""
    legs = [
        Leg("numpy-complex64", "array_api_compat.numpy", "complex64"),
        Leg("strict-complex128", "array_api_strict", "complex128", "CPU_DEVICE"),
        Leg("strict-complex64", "array_api_strict", "complex64", "no_float64"),
    ]
    if find_spec("torch") is not None:
        legs.append(Leg("torch-complex128", "array_api_compat.torch", "complex128"))
    return legs


LEGS = _legs()
SEAM_LEGS = [*LEGS, *_complex_legs()]


@pytest.fixture(params=LEGS, ids=str)
def leg(request: pytest.FixtureRequest) -> Leg:
    """One backend leg."""
    return request.param


@pytest.fixture(params=SEAM_LEGS, ids=str)
def seam_leg(request: pytest.FixtureRequest) -> Leg:
    """One backend leg, with complex numbers in every library."""
    return request.param

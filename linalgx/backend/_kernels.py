"""The kernel registry: optional fast versions of hot loops, loaded on first use.

A kernel has the signature of the generic code that it stands in for. ``LINALGX_KERNELS=generic``
switches all of them off.
"""

import os
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from linalgx.backend._libraries import library_name
from linalgx.errors import PerformanceWarning, warn
from linalgx.typing import Namespace

# (name, library) -> "module:function" below linalgx.kernels
KERNELS = {
    ("add_signed_rows", "numpy"): "numba_sketch:add_signed_rows",
    ("bidiagonal_map", "numpy"): "numba_bidiagonal:bidiagonal_map",
    ("bidiagonalized", "numpy"): "numba_householder:bidiagonalized",
    ("cg_steps", "numpy"): "numba_cg:cg_steps",
    ("coarse_of_dense", "numpy"): "numba_truncated:coarse_of_dense",
    ("coarse_of_rows", "numpy"): "numba_truncated:coarse_of_rows",
    ("cloud_lowest", "numpy"): "numba_clouds:cloud_lowest",
    ("cloud_softmin", "numpy"): "numba_clouds:cloud_softmin",
    ("cloud_sums", "numpy"): "numba_clouds:cloud_sums",
    ("cloud_tiles", "numpy"): "numba_clouds:cloud_tiles",
    ("eigh_tiny", "numpy"): "numba_twosided_tiny:eigh_tiny",
    ("eisenstat_count", "numpy"): "numba_eisenstat:eisenstat_count",
    ("eisenstat_split", "numpy"): "numba_eisenstat:eisenstat_split",
    ("eisenstat_start", "numpy"): "numba_eisenstat:eisenstat_start",
    ("eisenstat_steps", "numpy"): "numba_eisenstat:eisenstat_steps",
    ("first_fit", "numpy"): "numba_sweeps:first_fit",
    ("fsai_rows", "numpy"): "numba_fsai:fsai_rows",
    ("greenkhorn_updates", "numpy"): "numba_greenkhorn:greenkhorn_updates",
    ("jacobi_start", "numpy"): "numba_preconditioned:jacobi_start",
    ("jacobi_svd", "numpy"): "numba_preconditioned:jacobi_svd",
    ("least_kept", "numpy"): "numba_sparsified:least_kept",
    ("lowest_rows", "numpy"): "numba_softmin:lowest_rows",
    ("onesided_columns", "numpy"): "numba_onesided:OnesidedColumns",
    ("svd_tiny", "numpy"): "numba_onesided_tiny:svd_tiny",
    ("pivoted_factor", "numpy"): "numba_pivoted:pivoted_factor",
    ("plan_rows", "numpy"): "numba_softmin:plan_rows",
    ("plan_sums", "numpy"): "numba_softmin:plan_sums",
    ("polar_tiny", "numpy"): "numba_polar:polar_tiny",
    ("quintic_step", "numpy"): "scipy_quintic:quintic_step",
    ("rounded_cost", "numpy"): "numba_softmin:rounded_cost",
    ("row_levels", "numpy"): "numba_sweeps:row_levels",
    ("softmax_columns", "numpy"): "numba_softmin:softmax_columns",
    ("softmin_rows", "numpy"): "numba_softmin:softmin_rows",
    ("sor_run", "numpy"): "numba_sweeps:sor_run",
    ("sor_sweep", "numpy"): "numba_sweeps:sor_sweep",
    ("squared_product", "numpy"): "numba_truncated:squared_product",
    ("triangular_columns", "numpy"): "numba_triangular_pairs:triangular_columns",
    ("triangular_forms", "numpy"): "numba_triangular_pairs:triangular_forms",
    ("truncated_columns", "numpy"): "numba_truncated:truncated_columns",
    ("truncated_count", "numpy"): "numba_truncated:truncated_count",
    ("truncated_direction", "numpy"): "numba_truncated:truncated_direction",
    ("truncated_fill", "numpy"): "numba_truncated:truncated_fill",
    ("truncated_rescale", "numpy"): "numba_truncated:truncated_rescale",
    ("truncated_rows", "numpy"): "numba_truncated:truncated_rows",
    ("two_colors", "numpy"): "numba_sweeps:two_colors",
    ("two_sided_sweeps", "numpy"): "numba_twosided:two_sided_sweeps",
}


def find_kernel(name: str, xp: Namespace) -> Callable[..., Any] | None:
    """Return the kernel of that name for a library, or ``None``: then use the generic code."""
    if os.environ.get("LINALGX_KERNELS", "") == "generic":
        return None
    return _load(name, library_name(xp))


@cache
def _load(name: str, library: str) -> Callable[..., Any] | None:
    target = KERNELS.get((name, library))
    if target is None:
        return None
    module, _, function = target.partition(":")
    try:
        kernel: Callable[..., Any] = getattr(import_module(f"linalgx.kernels.{module}"), function)
    except (ImportError, RuntimeError) as error:  # Numba finds no place for its cache
        # Cached, so that it is said once a process and not once a call.
        warn(f"{name} runs as generic code, much slower: {error}", PerformanceWarning)
        return None
    return kernel

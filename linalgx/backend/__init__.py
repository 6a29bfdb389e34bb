"""The seam between algorithms and array libraries.

Everything that depends on NumPy, SciPy, CuPy or PyTorch by name lives here or in
`linalgx.kernels`. Families import what they need from this package and from nowhere below it.
"""

from linalgx.backend._cosine import cosine_transform
from linalgx.backend._dtypes import default_float, eps, is_complex, real_dtype, safe_min
from linalgx.backend._graph import (
    bipartite_matching,
    distinct_patterns,
    largest_flow,
    reachable,
    strong_components,
    whole_parts,
)
from linalgx.backend._inputs import (
    as_arrays,
    as_matrix,
    as_operand,
    as_vector,
    operand_namespace,
    require_finite,
)
from linalgx.backend._kernels import KERNELS, find_kernel
from linalgx.backend._layout import by_rows, lies_by_columns
from linalgx.backend._libraries import (
    NAMESPACES,
    describe,
    device_of,
    is_array,
    is_gpu,
    library_name,
    namespace_of,
)
from linalgx.backend._linalg import (
    adjoint,
    cholesky,
    eigh,
    gram,
    hermitian,
    hermitian_square,
    inv,
    lu_pivots,
    qr,
    qr_pivoted,
    solve,
    solve_triangular,
    svd,
    svdvals,
)
from linalgx.backend._optimize import minimize_simplex, minimize_smooth
from linalgx.backend._quiet import quiet
from linalgx.backend._random import as_generator, same_draws, standard_normal, uniform
from linalgx.backend._scale import exponents, max_component, times_power_of_two
from linalgx.backend._select import (
    available_backends,
    default_namespace,
    set_backend,
    show_config,
    use_backend,
)
from linalgx.backend._small import eig_small, eigh_tridiagonal
from linalgx.backend._sparse import (
    adjoint_product,
    block_product,
    csr_from_triplets,
    csr_parts,
    is_operator,
    is_sparse,
    make_csr,
    to_csr,
)
from linalgx.backend._support import BACKENDS, SUPPORT, Support
from linalgx.backend._transfer import (
    from_host,
    host_array,
    host_float,
    host_integers,
    to_backend,
    to_host,
    to_numpy,
)

__all__ = [
    "BACKENDS",
    "KERNELS",
    "NAMESPACES",
    "SUPPORT",
    "Support",
    "adjoint",
    "adjoint_product",
    "as_arrays",
    "as_generator",
    "as_matrix",
    "as_operand",
    "as_vector",
    "available_backends",
    "bipartite_matching",
    "block_product",
    "by_rows",
    "cholesky",
    "cosine_transform",
    "csr_from_triplets",
    "csr_parts",
    "default_float",
    "default_namespace",
    "describe",
    "device_of",
    "distinct_patterns",
    "eig_small",
    "eigh",
    "eigh_tridiagonal",
    "eps",
    "exponents",
    "find_kernel",
    "from_host",
    "gram",
    "hermitian",
    "hermitian_square",
    "host_array",
    "host_float",
    "host_integers",
    "inv",
    "is_array",
    "is_complex",
    "is_gpu",
    "is_operator",
    "is_sparse",
    "largest_flow",
    "library_name",
    "lies_by_columns",
    "lu_pivots",
    "make_csr",
    "max_component",
    "minimize_simplex",
    "minimize_smooth",
    "namespace_of",
    "operand_namespace",
    "qr",
    "qr_pivoted",
    "quiet",
    "reachable",
    "real_dtype",
    "require_finite",
    "safe_min",
    "same_draws",
    "set_backend",
    "show_config",
    "solve",
    "solve_triangular",
    "standard_normal",
    "strong_components",
    "svd",
    "svdvals",
    "times_power_of_two",
    "to_backend",
    "to_csr",
    "to_host",
    "to_numpy",
    "uniform",
    "use_backend",
    "whole_parts",
]

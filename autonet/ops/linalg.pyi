"""The names of `keras.ops.linalg`. Written by tests/ops/stub.py from the functions themselves: do not edit."""

from autonet.ops import cholesky as cholesky
from autonet.ops import cholesky_inverse as cholesky_inverse
from autonet.ops import det as det
from autonet.ops import eigh as eigh
from autonet.ops import inv as inv
from autonet.ops import jvp as jvp
from autonet.ops import lstsq as lstsq
from autonet.ops import lu_factor as lu_factor
from autonet.ops import matrix_rank as matrix_rank
from autonet.ops import norm as norm
from autonet.ops import pinv as pinv
from autonet.ops import qr as qr
from autonet.ops import solve as solve
from autonet.ops import solve_triangular as solve_triangular
from autonet.ops import svd as svd

"""Floor 4: vectors that are trees of arrays, as weights and gradients are: lists, tuples and dictionaries, nested.

All is made of `autonet.ops`, so it is differentiable and may be recorded. Leaves are arrays or Tensors of floats, those of two
trees in one expression of the same shapes.

>>> import numpy as np
>>> w, g = [np.ones((2, 2)), np.zeros(3)], [np.full((2, 2), 0.5), np.ones(3)]
>>> float(dot(w, g))
2.0
>>> [leaf.shape for leaf in axpy(-0.1, g, w)]
[(2, 2), (3,)]
"""

from autonet import lazy as _lazy
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.linalg.solvers import Solution as Solution
from autonet.linalg.solvers import conjugate_gradient as conjugate_gradient
from autonet.linalg.vectors import axpy as axpy
from autonet.linalg.vectors import dot as dot
from autonet.linalg.vectors import norm as norm
from autonet.linalg.vectors import scale as scale

_filter_tracebacks(__name__)

_lazy.publish(__name__)

"""Floor 7: computation in halves, weights in float32, under the names of `keras.mixed_precision`."""

from autonet import lazy as _lazy
from autonet.dtype_policies import DTypePolicy as DTypePolicy
from autonet.dtype_policies import dtype_policy as dtype_policy
from autonet.dtype_policies import set_dtype_policy as set_dtype_policy
from autonet.optimizers import LossScaleOptimizer as LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

_lazy.publish(__name__)

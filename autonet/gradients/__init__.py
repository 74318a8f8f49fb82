"""Floor 3: questions to the tape. Gradients, Jacobians, Hessians of functions, and a check of any gradient."""

from autonet import lazy as _lazy
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.gradients.check import check_gradients as check_gradients
from autonet.gradients.custom import custom_gradient as custom_gradient
from autonet.gradients.functional import grad as grad
from autonet.gradients.functional import jvp as jvp
from autonet.gradients.functional import stop_gradient as stop_gradient
from autonet.gradients.functional import value_and_grad as value_and_grad
from autonet.gradients.functional import vjp as vjp
from autonet.gradients.higher import hessian as hessian
from autonet.gradients.higher import hvp as hvp
from autonet.gradients.higher import jacobian as jacobian

_filter_tracebacks(__name__)

_lazy.publish(__name__)

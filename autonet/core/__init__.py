"""Floor 1: values, the tape that records what was done to them, and the walk back along it."""

from autonet.core.backward import NotRecorded as NotRecorded
from autonet.core.primitive import PRIMITIVES as PRIMITIVES
from autonet.core.primitive import Primitive as Primitive
from autonet.core.primitive import primitive as primitive
from autonet.core.state import is_recording as is_recording
from autonet.core.state import no_grad as no_grad
from autonet.core.tensor import Tensor as Tensor
from autonet.core.tensor import convert_to_tensor as convert_to_tensor
from autonet.core.variable import Variable as Variable

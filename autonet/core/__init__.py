"""Floor 1: values, the tape that records what was done to them, and the walk back along it.

To be read in this order:

    state         what a thread is doing: recording, observed by whom, inside of what
    tape          nodes of the record, and leaves
    tensor        an array and its node; what becomes one
    primitive     a function on arrays and its derivative rules
    calls         what a call of one does
    settings      what an operation is told besides its operands
    rules         from derivative rules to one function that the walk calls
    accumulate    the primitives that the walk itself needs
    backward      the walk

A Variable is a Tensor that the core does not know: `snapshot()` gives its values, and operations take these
(`autonet.variable`). What errors say stands in `autonet.common.refusals` and `signatures`.
"""

from autonet.core.backward import NotRecorded as NotRecorded
from autonet.core.primitive import PRIMITIVES as PRIMITIVES
from autonet.core.primitive import Primitive as Primitive
from autonet.core.primitive import primitive as primitive
from autonet.core.state import is_recording as is_recording
from autonet.core.state import no_grad as no_grad
from autonet.core.tensor import Tensor as Tensor
from autonet.core.tensor import convert_to_tensor as convert_to_tensor

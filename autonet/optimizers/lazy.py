"""Adam for tables of which a step looks up a few rows."""

from typing import Any

from autonet import ops
from autonet.core.tensor import Tensor
from autonet.optimizers.adam import Adam
from autonet.variable import Variable


class LazyAdam(Adam):
    """Adam, which in tables moves the rows that the step looked up alone, with their means; other weights as Adam does.

        for the rows of a table whose gradient is not zero, and for all of another weight:
        m <- m + (1 - beta_1) (g - m)
        v <- v + (1 - beta_2) (g g - v)
        a  = lr sqrt(1 - beta_2^t) / (1 - beta_1^t)        t = 1, 2, ..., steps of the whole model
        w <- w - a m / (sqrt(v) + epsilon)

    Adam goes on moving a row after it was last looked up, while its means fade; here they wait, so rare rows take larger
    steps than Adam's. The work of a captured step does not grow with the other rows, except with what changes or counts all
    of them: weight decay, use_ema, gradient accumulation, clipping by norm, a LossScaleOptimizer around it, a regularizer or
    constraint of the table.

    Tables are the weights of Embedding layers, and other Variables whose `is_table` was set to True. Arguments are those
    of `Adam`.

    Source: the sparse form of Adam as in TensorFlow Addons' LazyAdam and PyTorch's SparseAdam; Kingma, Ba, 2015,
    https://arxiv.org/abs/1412.6980

    >>> w = Variable([1.0, 2.0])
    >>> LazyAdam(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.9 2.1]
    """

    def update(self, w: Variable, g: Tensor, *slots: Variable, lr: Tensor, t: Tensor, **optional: Any) -> None:
        if not w.is_table:
            super().update(w, g, *slots, lr=lr, t=t, **optional)
            return
        state = [x for x in (w, *slots, *optional.values()) if x is not None]
        before = [x.value for x in state]
        super().update(w, g, *slots, lr=lr, t=t, **optional)
        met = ops.any(ops.not_equal(g, 0), axis=tuple(range(1, g.ndim)), keepdims=True)
        for x, old in zip(state, before, strict=True):
            x.assign(ops.where(met, x.value, old))

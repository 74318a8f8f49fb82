"""A softmax is computed before the losses of the same logits, which take its sums; their numbers stay."""

import numpy as np
import pytest

from autonet import grad, jit, ops
from autonet.compiler.c.runtime import toolchain
from autonet.compiler.passes.pipeline import lower

LOSSES = {
    "class_crossentropy": lambda x, t: ops.sum(ops.sparse_categorical_crossentropy(t, x, from_logits=True)),
    "softmax_crossentropy": lambda x, t: ops.sum(
        ops.categorical_crossentropy(ops.one_hot(t, x.shape[-1]), x, from_logits=True)
    ),
    "log_softmax": lambda x, t: -ops.sum(ops.log_softmax(x) * ops.one_hot(t, x.shape[-1])),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("classes", [10, 300])
def test_one_softmax_serves_loss_and_gradient(loss, classes, rng):
    x = (3 * rng.standard_normal((40, classes))).astype("float32")
    t = rng.integers(0, classes, 40).astype("int32")
    f = LOSSES[loss]
    step = jit(lambda x, t: (f(x, t), grad(f)(x, t), ops.softmax(x)))
    eager = step(x, t)
    step(x, t)
    for a, b in zip(step(x, t), eager, strict=True):
        np.testing.assert_allclose(a, b, 2e-5, 1e-6)
    ops_in_order = [i.op for i in lower(step.last.program).instructions]
    assert ops_in_order.count("softmax") == 1
    assert ops_in_order.index("softmax") < ops_in_order.index(loss)
    if toolchain.find() is not None:
        assert step.last.plan.source_c.count("an_softmax_rows_f32(") - step.last.plan.source_c.count("define") <= 1

"""Loops over the same images in one: the same results, and only where no piece disturbs another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.compiler import jit
from autonet.compiler.c.groups import Group, Member
from autonet.compiler.c.runtime import library
from autonet.gradients import grad
from tests.compiler.c.test_attention import agrees
from tests.share import share

STEPS = {  # on images x, with weights w (3, 3, c, c), a vector b (c,) and a number of images z (n, 1, 1, c)
    "conv": lambda x, old, w, b, z: ops.conv(x, w, padding="same"),
    "strided": lambda x, old, w, b, z: ops.conv(x, w, strides=2, padding="same"),
    "bias": lambda x, old, w, b, z: x + b,
    "relu": lambda x, old, w, b, z: ops.relu(x),
    "tanh": lambda x, old, w, b, z: ops.tanh(x),
    "pool": lambda x, old, w, b, z: ops.max_pool(x, 2, padding="same"),
    "skip": lambda x, old, w, b, z: x + old if x.shape == old.shape else x,
    "scale": lambda x, old, w, b, z: x * z,
    "first image": lambda x, old, w, b, z: x + x[:1],
    "turn": lambda x, old, w, b, z: ops.flip(x, 0) - x,
    "mix": lambda x, old, w, b, z: x * ops.mean(x, (0, 1, 2)),
    "means": lambda x, old, w, b, z: x - ops.mean(x, (1, 2), keepdims=True),
}


@pytest.mark.skipif(not library.available(), reason="no C compiler here")
@share(1 / 4)
@given(st.lists(st.sampled_from(list(STEPS)), min_size=2, max_size=8), st.integers(1, 9), st.sampled_from([4, 8, 9, 16]),
       st.integers(0, 99))  # fmt: skip
def test_chains_over_images(names, n, c, seed):
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal((n, 9, 8, c)).astype("float32"), rng.standard_normal((n, 1, 1, c)).astype("float32")
    w, b = rng.standard_normal((3, 3, c, c)).astype("float32") / (3 * c**0.5), rng.standard_normal(c).astype("float32")

    def chain(x, w, b, z):
        old = x
        for name in names:
            x, old = STEPS[name](x, old, w, b, z), x
        return x

    loss = lambda *xs: ops.mean(ops.square(chain(*xs)))
    assert not agrees(lambda *xs: (chain(*xs), grad(loss, (0, 1, 2))(*xs)), x, w, b, z)


@pytest.mark.skipif(not library.available(), reason="no C compiler here")
def test_one_loop_of_many(rng):
    """A convolution, its bias, its activation and the pooling are one call."""
    x, w = rng.standard_normal((8, 12, 12, 3)).astype("float32"), rng.standard_normal((3, 3, 3, 4)).astype("float32")
    step = jit(lambda x: ops.max_pool(ops.relu(ops.conv(x, w) + 1), 2))
    for _ in range(3):
        step(x)
    plan = step.explain().plan
    assert len(plan.kernels.texts) == 1 and [len(part) for part in plan.parts] == [1]  # its definition, and the call


def member(images, shared, results):
    return Member(["x"], 8, 1, images, shared, results)


def test_what_a_group_takes():
    memory = np.zeros(400, "float32")
    x, y, z = (memory[k * 80 : k * 80 + 80].reshape(8, 10) for k in range(3))
    group = Group(8, [member([x], [], [y])])
    assert group.takes(member([y], [], [z]))
    assert group.takes(member([y], [], [y]))  # in place
    assert group.takes(member([y], [], [x]))  # in the place of what the same piece has read
    assert not group.takes(member([z], [], [z]))  # nothing to gain
    assert not group.takes(member([y], [y], [z]))  # all images of what others have yet to make
    assert not group.takes(member([y], [], [memory[40:120].reshape(8, 10)]))  # over what others have yet to read
    assert not group.takes(member([y], [], [x.reshape(4, 20)]))
    assert not group.takes(member([y[::-1]], [], [z]))
    assert not Group(2, [member([x], [], [y])]).takes(member([y], [], [z]))

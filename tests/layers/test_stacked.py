"""Cells as one: the form of their states, which is that of Keras 3.15.1 (more in test_recurrent.py)."""

import numpy as np
import pytest

from autonet import Input, Model, layers, ops, tree


class Cell(layers.Layer):
    """One without a `get_initial_state`; `listed`: whether its state size is a list."""

    def __init__(self, units, listed=False, bare=False):
        super().__init__()
        self.units, self.bare = units, bare
        self.state_size = [units] if listed else units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")

    def call(self, x, states):
        (before,) = states
        h = ops.tanh(x @ self.kernel + before)
        return h, h if self.bare else [h]


class Two(Cell):
    def __init__(self, units):
        super().__init__(units)
        self.state_size = [units, units]

    def call(self, x, states):
        h = ops.tanh(x @ self.kernel + states[0] - states[1])
        return h, [h, states[0]]


STACKS = {  # cells, and the shapes of the states that a batch of two begins with
    "own": (lambda: [layers.GRUCell(3), layers.LSTMCell(4)], [[(2, 3)], [(2, 4), (2, 4)]]),
    "single": (lambda: [layers.LSTMCell(3)], [[(2, 3), (2, 3)]]),
    "number": (lambda: [Cell(3), Cell(4)], [(2, 3), (2, 4)]),
    "list": (lambda: [Cell(3, listed=True), Cell(4, listed=True)], [[(2, 3)], [(2, 4)]]),
    "bare": (lambda: [Cell(3, bare=True), Cell(4, listed=True, bare=True)], [(2, 3), [(2, 4)]]),
    "several": (lambda: [Two(3), Cell(2), Two(4)], [[(2, 3), (2, 3)], (2, 2), [(2, 4), (2, 4)]]),
    "all": (lambda: [layers.SimpleRNNCell(2), Cell(3), Two(4)], [[(2, 2)], (2, 3), [(2, 4), (2, 4)]]),
}


def shapes(states):
    return tree.map_structure(lambda x: tuple(x.shape), states)


@pytest.mark.parametrize("case", STACKS)
def test_states_keep_their_form(case, rng):
    """In one step, in a layer with and without a mask, on placeholders, handed on, and kept from batch to batch."""
    make, form = STACKS[case]
    x = rng.standard_normal((2, 5, 3)).astype("float32")
    stack = layers.StackedRNNCells(make())
    states = stack.get_initial_state(batch_size=2)
    assert shapes(states) == form
    y, after = stack(x[:, 0], states)
    assert shapes(after) == form and y.shape == (2, form[-1][-1] if isinstance(form[-1], tuple) else form[-1][0][-1])
    layer = layers.RNN(make(), return_state=True)
    y, *last = layer(x)
    assert shapes(last) == form == shapes(layer.get_initial_state(2))
    assert shapes(list(layer(x, initial_state=last)[1:])) == form
    masked = layer(x, mask=np.arange(5) < np.array([[2], [5]]))
    assert shapes(list(masked[1:])) == form
    np.testing.assert_allclose(masked[0][0], layer(x[:1, :2])[0][0], rtol=1e-5, atol=1e-6)
    inputs = Input((5, 3))
    found = Model(inputs, tree.flatten(layer(inputs)))(x)  # one state of a cell is a placeholder, in a list or not
    for a, b in zip(found, tree.flatten([y, last]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    stateful = layers.RNN(make(), stateful=True)
    whole = layers.RNN(stateful.cell)(x)
    stateful(x[:, :2])
    np.testing.assert_allclose(stateful(x[:, 2:]), whole, rtol=1e-5, atol=1e-6)
    assert shapes(stateful.states) == form

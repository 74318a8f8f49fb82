"""Record what Keras's recurrent layers give for small inputs: python tests/golden/record_recurrent.py

Needs keras 3 with its JAX backend; nothing of autonet. Writes recurrent.npz beside this file: for each case its arrays
end to end under its number, and as JSON under "facts" the cases (class, arguments, shape of x, mask, initial state,
output shapes for any batch size, name and shape of each array), signatures, configurations, and the dropout masks that
cells were given. Draws differ between libraries, so with dropout the cells receive masks that were made here.
"""

import inspect
import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20240229)
SEQUENCE = [3, 5, 4]
ALL = {"return_sequences": True, "return_state": True}
FIRST = {"data_format": "channels_first"}


def inner(kind, **config):
    """The configuration of a layer inside another."""
    return {"class_name": kind, "config": config}


CASES = [  # class, arguments, shape of x, whether with a mask, whether with an initial state
    ["Embedding", {"input_dim": 7, "output_dim": 3}, [2, 5], False, False],
    ["Embedding", {"input_dim": 7, "output_dim": 3, "mask_zero": True}, [2, 3, 4], False, False],
    ["SimpleRNN", {"units": 3}, SEQUENCE, False, False],
    ["SimpleRNN", {"units": 3, "activation": "relu", "use_bias": False, **ALL}, SEQUENCE, True, True],
    ["LSTM", {"units": 3}, SEQUENCE, False, False],
    ["LSTM", {"units": 3, **ALL}, SEQUENCE, False, True],
    ["LSTM", {"units": 3, **ALL}, SEQUENCE, True, False],
    ["LSTM", {"units": 2, "return_sequences": True, "go_backwards": True}, SEQUENCE, True, False],
    ["LSTM", {"units": 2, "zero_output_for_mask": True, **ALL}, SEQUENCE, True, True],
    ["LSTM", {"units": 2, "zero_output_for_mask": True}, SEQUENCE, True, False],
    ["LSTM", {"units": 2, "activation": "relu", "recurrent_activation": "hard_sigmoid"}, SEQUENCE, False, False],
    ["LSTM", {"units": 2, "activation": "gelu", "use_bias": False, **ALL}, SEQUENCE, True, True],
    ["LSTM", {"units": 2, "unroll": True}, SEQUENCE, True, False],
    ["GRU", {"units": 3}, SEQUENCE, False, False],
    ["GRU", {"units": 3, **ALL}, SEQUENCE, True, True],
    ["GRU", {"units": 3, "reset_after": False, **ALL}, SEQUENCE, True, True],
    ["GRU", {"units": 2, "go_backwards": True, "use_bias": False}, SEQUENCE, True, False],
    ["GRU", {"units": 2, "reset_after": False, "use_bias": False, "activation": "softsign"}, SEQUENCE, False, False],
    ["GRU", {"units": 2, "activation": "gelu", "return_sequences": True}, SEQUENCE, True, False],
    ["GRU", {"units": 2, "activation": "gelu", "reset_after": False}, SEQUENCE, True, False],
    ["RNN", {"cell": [inner("LSTMCell", units=3), inner("GRUCell", units=2)], **ALL}, SEQUENCE, True, False],
    ["RNN", {"cell": inner("SimpleRNNCell", units=3), "zero_output_for_mask": True}, SEQUENCE, True, False],
    ["Bidirectional", {"layer": inner("LSTM", units=2, **ALL)}, SEQUENCE, True, True],
    ["Bidirectional", {"layer": inner("GRU", units=2), "merge_mode": "sum"}, SEQUENCE, True, False],
    [
        "Bidirectional",
        {"layer": inner("GRU", units=2, return_sequences=True), "merge_mode": None},
        SEQUENCE,
        True,
        False,
    ],
    ["Bidirectional", {"layer": inner("SimpleRNN", units=2), "merge_mode": "ave"}, SEQUENCE, False, False],
    [
        "Bidirectional",
        {"layer": inner("LSTM", units=2, return_sequences=True), "merge_mode": "mul"},
        SEQUENCE,
        False,
        False,
    ],
    ["TimeDistributed", {"layer": inner("Dense", units=2, activation="tanh")}, SEQUENCE, False, False],
    ["TimeDistributed", {"layer": inner("GRU", units=2)}, [2, 3, 2, 4], False, False],
    ["ConvLSTM1D", {"filters": 2, "kernel_size": 3, **ALL}, [2, 3, 6, 2], False, False],
    [
        "ConvLSTM2D",
        {"filters": 2, "kernel_size": [2, 3], "padding": "same", "strides": [2, 1]},
        [2, 3, 4, 4, 1],
        False,
        True,
    ],
    [
        "ConvLSTM1D",
        {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "return_sequences": True, **FIRST},
        [2, 3, 2, 6],
        False,
        False,
    ],
    ["ConvLSTM3D", {"filters": 1, "kernel_size": 2, "use_bias": False, **FIRST}, [1, 2, 1, 3, 3, 3], False, False],
]
CELLS = [  # class, arguments: one step, in training, with the masks of `dropout_masks`
    ["SimpleRNNCell", {"units": 3}],
    ["LSTMCell", {"units": 3}],
    ["GRUCell", {"units": 3}],
    ["GRUCell", {"units": 3, "reset_after": False}],
]


def made(config):
    """Arguments with the inner layers made."""
    if isinstance(config, list) and config and isinstance(config[0], dict):
        return [made(c) for c in config]
    if isinstance(config, dict) and "class_name" in config:
        return getattr(keras.layers, config["class_name"])(**config["config"])
    return config


def normal(shape):
    """Numbers of moderate size."""
    return rng.normal(size=shape).astype("float32") * 0.7


def draw_weights(layer):
    """New weights, all of them drawn."""
    for w in layer.weights:
        w.assign(normal(w.shape))


def weighted(outputs):
    """A number that depends on every element of every output."""
    total = 0.0
    for k, y in enumerate(keras.tree.flatten(outputs)):
        total += jnp.sum(y * jnp.cos(jnp.arange(y.size, dtype="float32") + k).reshape(y.shape))
    return total


def record(name, config, shape, masked, started):
    """Outputs, and slopes of `weighted`, for weights, inputs and states drawn at random."""
    layer = getattr(keras.layers, name)(**{k: made(v) for k, v in config.items()})
    words = name == "Embedding"
    x = rng.integers(0, 7, shape).astype("float32") if words else normal(shape)
    layer.build(tuple(shape))
    draw_weights(layer)
    found = {"x": x, **{f"before{i}": w.numpy() for i, w in enumerate(layer.weights)}}
    options = {}
    if masked:
        found["mask"] = options["mask"] = rng.integers(0, 2, shape[:2]).astype(bool)
    if started:
        full = getattr(keras.layers, name)(
            **{k: made(v) for k, v in (config | ({} if name == "Bidirectional" else ALL)).items()}
        )
        options["initial_state"] = [normal(s) for s in full.compute_output_shape(tuple(shape))[1:]]
        found |= {f"state{i}": s for i, s in enumerate(options["initial_state"])}

    def total(trained, x):
        y, _ = layer.stateless_call(trained, fixed, x, **options)
        return weighted(y), y

    trained = [v.value for v in layer.trainable_variables]
    fixed = [v.value for v in layer.non_trainable_variables]
    (weight_slopes, x_slope), y = jax.grad(total, argnums=(0, 1), has_aux=True)(trained, x)
    found |= {f"y{i}": part for i, part in enumerate(keras.tree.flatten(y))}
    if not words:
        found["x_slope"] = x_slope
    found |= {f"slope{i}": s for i, s in enumerate(weight_slopes)}
    shapes = layer.compute_output_shape((None, *shape[1:]))
    return found, keras.tree.map_structure(lambda n: -1 if n is None else n, shapes), [w.path for w in layer.weights]


def record_cell(name, config):
    """One step with given dropout masks."""
    cell = getattr(keras.layers, name)(**config, dropout=0.5, recurrent_dropout=0.5)
    cell.build((2, 4))
    draw_weights(cell)
    count = getattr(cell, "dropout_mask_count", None) or 1
    x, masks, kept = normal((2, 4)), rng.integers(0, 2, (count, 2, 4)) * 2.0, rng.integers(0, 2, (count, 2, 3)) * 2.0
    states = [normal((2, 3)) for _ in cell.get_initial_state(batch_size=2)]
    give = lambda m: lambda _: [jnp.asarray(k, "float32") for k in m] if count > 1 else jnp.asarray(m[0], "float32")
    cell.get_dropout_mask, cell.get_recurrent_dropout_mask = give(masks), give(kept)
    y, after = cell(x, states, training=True)
    found = {"x": x, "masks": masks, "kept": kept, "y": y}
    found |= {f"before{i}": w.numpy() for i, w in enumerate(cell.weights)}
    found |= {f"state{i}": s for i, s in enumerate(states)}
    found |= {f"after{i}": s for i, s in enumerate(after)}
    return found


def described(name):
    """Arguments with defaults, and the default configuration under a given name."""
    cls = getattr(keras.layers, name)
    arguments = [
        [p.name, None if p.default is p.empty else [p.default]]
        for p in list(inspect.signature(cls.__init__).parameters.values())[1:]
        if p.kind is not p.VAR_KEYWORD
    ]
    needed = {"input_dim": 3, "output_dim": 2, "units": 3, "filters": 3, "kernel_size": 2}
    needed["cell"] = inner("LSTMCell", units=2, name="inside")
    needed["cells"] = [needed["cell"]]
    needed["layer"] = inner("LSTM" if name == "Bidirectional" else "Dense", units=2, name="inside")
    given = {n: needed[n] for n, default in arguments if default is None}
    config = cls(**{k: made(v) for k, v in given.items()}, name="given").get_config()
    return {"arguments": arguments, "given": given, "config": config}


def packed(found):
    """Arrays end to end, and their names and shapes."""
    parts = {name: np.asarray(value, "float32") for name, value in found.items()}
    return np.concatenate([p.ravel() for p in parts.values()]), [[name, p.shape] for name, p in parts.items()]


if __name__ == "__main__":
    arrays, cases, cells = {}, [], []
    for i, case in enumerate(CASES):
        keras.backend.clear_session()
        found, shapes, paths = record(*case)
        arrays[str(i)], layout = packed(found)
        cases.append([*case, shapes, paths, layout])
    for i, case in enumerate(CELLS):
        arrays[f"cell{i}"], layout = packed(record_cell(*case))
        cells.append([*case, layout])
    names = sorted({case[0] for case in CASES + CELLS} | {"StackedRNNCells"})
    facts = {
        "keras": keras.__version__,
        "cases": cases,
        "cells": cells,
        "public": {name: described(name) for name in names},
    }
    np.savez_compressed(HERE / "recurrent.npz", facts=json.dumps(facts), **arrays)

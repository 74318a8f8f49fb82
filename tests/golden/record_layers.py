"""Record what Keras's layers give for small inputs: python tests/golden/record_layers.py

Needs keras 3 with its JAX backend; nothing of autonet. Writes layers.npz beside this file: for each case its arrays end
to end under its number, and as JSON under "facts" the cases (class, arguments, shape of x, training, mask, output shape
for any batch size, name and shape of each array), signatures and configurations.
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

LAST, FIRST = {"data_format": "channels_last"}, {"data_format": "channels_first"}
CASES = [  # class, arguments, shape of x, whether in training, whether with a mask
    ["Dense", {"units": 3}, [4, 5], False, False],
    ["Dense", {"units": 3, "activation": "softmax"}, [2, 3, 5], False, False],
    ["Dense", {"units": 2, "activation": "tanh", "use_bias": False}, [2, 2, 2, 3], True, False],
    ["Activation", {"activation": "gelu"}, [3, 5], False, False],
    ["ReLU", {}, [3, 5], False, False],
    ["ReLU", {"max_value": 1.0, "negative_slope": 0.25, "threshold": 0.5}, [4, 5], False, False],
    ["LeakyReLU", {}, [3, 5], False, False],
    ["PReLU", {}, [3, 4], False, False],
    ["PReLU", {"shared_axes": [1, 2]}, [2, 3, 4, 2], False, False],
    ["ELU", {"alpha": 0.5}, [3, 5], False, False],
    ["Softmax", {}, [3, 5], False, False],
    ["Softmax", {}, [3, 5], False, True],
    ["Softmax", {"axis": [1, 2]}, [2, 3, 4], False, False],
    ["Flatten", {}, [2, 3, 4, 2], False, False],
    ["Flatten", {**FIRST}, [2, 3, 4, 2], False, False],
    ["Reshape", {"target_shape": [-1, 4]}, [2, 6, 2], False, False],
    ["Dropout", {"rate": 0.5}, [3, 5], False, False],
    ["BatchNormalization", {}, [6, 4], False, False],
    ["BatchNormalization", {}, [6, 4], True, False],
    ["BatchNormalization", {"momentum": 0.5, "epsilon": 0.1, "scale": False}, [3, 2, 2, 4], True, False],
    ["BatchNormalization", {"axis": 1, "momentum": 0.9, "center": False}, [3, 4, 2, 3], True, False],
    ["BatchNormalization", {"momentum": 0.75}, [3, 4, 2], True, True],
    ["BatchNormalization", {"trainable": False}, [6, 4], True, False],
    ["Conv1D", {"filters": 3, "kernel_size": 3}, [2, 7, 2], False, False],
    ["Conv1D", {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same"}, [2, 7, 2], False, False],
    ["Conv1D", {"filters": 2, "kernel_size": 3, "dilation_rate": 2, "padding": "causal"}, [2, 7, 2], False, False],
    ["Conv1D", {"filters": 2, "kernel_size": 2, "strides": 3, "padding": "causal", **FIRST}, [2, 2, 7], False, False],
    ["Conv2D", {"filters": 3, "kernel_size": 3, "activation": "relu"}, [2, 5, 6, 2], False, False],
    ["Conv2D", {"filters": 4, "kernel_size": [2, 3], "strides": [2, 1], "padding": "same"}, [2, 5, 6, 3], False, False],
    ["Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2, "padding": "same", **FIRST}, [2, 4, 5, 4], False, False],
    ["Conv2D", {"filters": 2, "kernel_size": 2, "dilation_rate": [2, 1]}, [1, 5, 5, 2], False, False],
    ["Conv2D", {"filters": 3, "kernel_size": 1, "use_bias": False, "activation": "softmax"}, [1, 3, 3, 2], True, False],
    ["Conv3D", {"filters": 2, "kernel_size": 2, "strides": 2, "padding": "same"}, [1, 3, 4, 3, 2], False, False],
    ["MaxPooling1D", {}, [2, 7, 2], False, False],
    ["MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same", **FIRST}, [2, 2, 7], False, False],
    ["MaxPooling2D", {}, [2, 5, 4, 2], False, False],
    ["MaxPooling2D", {"pool_size": [2, 3], "strides": 1, "padding": "same"}, [2, 4, 5, 2], False, False],
    ["MaxPooling3D", {"strides": 1}, [1, 3, 3, 3, 2], False, False],
    ["AveragePooling1D", {"pool_size": 2, "strides": 1}, [2, 6, 2], False, False],
    ["AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, [2, 5, 4, 2], False, False],
    ["AveragePooling2D", {"pool_size": [1, 2], **FIRST}, [2, 2, 3, 4], False, False],
    ["AveragePooling3D", {"pool_size": 2}, [1, 4, 2, 3, 2], False, False],
    ["GlobalMaxPooling1D", {}, [2, 5, 3], False, False],
    ["GlobalMaxPooling2D", {"keepdims": True, **FIRST}, [2, 3, 4, 2], False, False],
    ["GlobalMaxPooling3D", {}, [2, 2, 3, 2, 2], False, False],
    ["GlobalAveragePooling1D", {}, [2, 5, 3], False, False],
    ["GlobalAveragePooling1D", {"keepdims": True, **FIRST}, [2, 3, 5], False, True],
    ["GlobalAveragePooling2D", {}, [2, 4, 3, 2], False, False],
    ["GlobalAveragePooling3D", {**LAST}, [2, 2, 3, 2, 2], False, False],
]


def mask_for(name, config, shape):
    """True for a few leading places of each row, as of sentences of several lengths."""
    places = shape[-1] if name == "Softmax" or config.get("data_format") == "channels_first" else shape[1]
    return np.arange(places) < rng.integers(1, places + 1, (shape[0], 1))


def record(name, config, shape, training, masked):
    """Output, slopes along cos(0), cos(1), ... and state afterwards, for weights and inputs drawn at random."""
    layer = getattr(keras.layers, name)(**config)
    x = rng.normal(size=shape).astype("float32")
    layer.build(tuple(shape))
    for w in layer.weights:
        values = rng.uniform(0.5, 1.5, w.shape) if "variance" in w.path else rng.normal(size=w.shape)
        w.assign(values.astype("float32"))
    found = {"x": x, **{f"before{i}": w.numpy() for i, w in enumerate(layer.weights)}}
    options = {"training": training} if "training" in inspect.signature(layer.call).parameters else {}
    if masked:
        found["mask"] = options["mask"] = mask_for(name, config, shape)

    def total(trained, x):
        y, state = layer.stateless_call(trained, fixed, x, **options)
        return jnp.sum(y * jnp.cos(jnp.arange(y.size, dtype="float32")).reshape(y.shape)), (y, state)

    trained = [v.value for v in layer.trainable_variables]
    fixed = [v.value for v in layer.non_trainable_variables]
    (weight_slopes, x_slope), (y, state) = jax.grad(total, argnums=(0, 1), has_aux=True)(trained, x)
    found |= {"y": y, "x_slope": x_slope}
    found |= {f"slope{i}": s for i, s in enumerate(weight_slopes)}
    found |= {f"after{i}": s for i, s in enumerate(state)}
    unknown = layer.compute_output_shape((None, *shape[1:]))
    return found, list(unknown)


def described(name):
    """Arguments with defaults, and the default configuration under a given name."""
    cls = getattr(keras.layers, name)
    arguments = [
        [p.name, None if p.default is p.empty else [p.default]]
        for p in list(inspect.signature(cls.__init__).parameters.values())[1:]
        if p.kind is not p.VAR_KEYWORD
    ]
    needed = {"units": 3, "activation": "relu", "target_shape": (3,), "rate": 0.5, "filters": 3, "kernel_size": 2}
    needed |= {"pool_size": 2, "shape": (3,)}
    given = {n: needed[n] for n, default in arguments if default is None or n == "shape"}
    return {"arguments": arguments, "given": given, "config": cls(**given, name="given").get_config()}


if __name__ == "__main__":
    arrays, cases = {}, []
    for i, case in enumerate(CASES):
        found, shape = record(*case)
        parts = {name: np.asarray(value, "float32") for name, value in found.items()}
        arrays[str(i)] = np.concatenate([part.ravel() for part in parts.values()])
        cases.append([*case, shape, [[name, part.shape] for name, part in parts.items()]])
    names = sorted({case[0] for case in CASES} | {"InputLayer"})
    facts = {
        "keras": keras.__version__,
        "cases": cases,
        "public": {name: described(name) for name in names},
    }
    np.savez_compressed(HERE / "layers.npz", facts=json.dumps(facts), **arrays)

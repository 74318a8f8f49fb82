"""Record what more of Keras's layers give for small inputs: python tests/golden/record_layers_more.py

Needs keras 3 with its JAX backend; nothing of autonet. Writes layers_more.npz beside this file: for each case its arrays
end to end under its number, and as JSON under "facts" the cases (see CASES; then the output shapes for any batch size,
and name and shape of each array), signatures and configurations.
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
rng = np.random.default_rng(20240301)

FIRST = {"data_format": "channels_first"}
ONE, LIST, ARGS = "one", "list", "args"  # how inputs are passed: as they are, as one list, as several arguments


def case(layer, config, *shapes, how=ONE, masks=None, call=None, slopes=True):
    """A case; masks are {argument: shape, or list of shapes}, True for some leading places, at least one."""
    return {"layer": layer, "config": config, "shapes": [list(s) for s in shapes], "how": how, "masks": masks or {},
            "call": call or {}, "slopes": slopes}  # fmt: skip


SCORES, CAUSAL = {"return_attention_scores": True}, {"use_causal_mask": True}
HEADS = {"num_heads": 2, "key_dim": 3}
GROUPS = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
SEEN = {"padding": "same", "strides": 2}
CASES = [
    case("Attention", {}, (2, 3, 4), (2, 5, 4), how=LIST),
    case("Attention", {"use_scale": True}, (2, 3, 4), (2, 5, 2), (2, 5, 4), how=LIST, call=SCORES),
    case("Attention", {"score_mode": "concat", "use_scale": True}, (2, 3, 4), (2, 5, 4), how=LIST, call=SCORES),
    case("Attention", {"score_mode": "concat"}, (2, 4, 3), (2, 4, 3), how=LIST, call=CAUSAL),
    case("Attention", {}, (2, 3, 4), (2, 5, 4), how=LIST, masks={"mask": [[2, 3], [2, 5]]}, call=SCORES | CAUSAL),
    case("AdditiveAttention", {}, (2, 3, 4), (2, 5, 4), how=LIST, call=SCORES),
    case("AdditiveAttention", {"use_scale": False}, (2, 3, 4), (2, 5, 2), (2, 5, 4), how=LIST,
         masks={"mask": [[2, 3], [2, 5]]}),
    case("MultiHeadAttention", HEADS, (2, 4, 5), (2, 3, 6), how=ARGS),
    case("MultiHeadAttention", {**HEADS, "use_bias": False}, (2, 4, 5), (2, 3, 6), (2, 3, 2), how=ARGS, call=SCORES),
    case("MultiHeadAttention", {**HEADS, "value_dim": 4, "output_shape": [2, 3]}, (2, 4, 5), (2, 3, 6), how=ARGS,
         call=SCORES),
    case("MultiHeadAttention", HEADS, (2, 4, 5), (2, 4, 5), how=ARGS, call=CAUSAL),
    case("MultiHeadAttention", HEADS, (2, 4, 5), (2, 4, 5), how=ARGS, masks={"value_mask": [2, 4]}, call=CAUSAL),
    case("MultiHeadAttention", HEADS, (2, 3, 5), (2, 4, 5), how=ARGS, masks={"attention_mask": [2, 3, 4]}),
    case("MultiHeadAttention", HEADS, (2, 3, 5), (2, 4, 5), how=ARGS,
         masks={"attention_mask": [2, 3, 4], "key_mask": [2, 4]}, call=SCORES),
    case("MultiHeadAttention", {**HEADS, "sliding_window": 2}, (2, 5, 3), (2, 5, 3), how=ARGS),
    case("MultiHeadAttention", {**HEADS, "sliding_window": 2}, (2, 5, 3), (2, 5, 3), how=ARGS, call=CAUSAL | SCORES),
    case("MultiHeadAttention", {**HEADS, "attention_axes": [2]}, (2, 2, 4, 3), (2, 2, 5, 3), how=ARGS, call=SCORES),
    case("MultiHeadAttention", HEADS, (2, 2, 3, 3), (2, 2, 2, 3), how=ARGS, call=SCORES),
    case("MultiHeadAttention", {**HEADS, "use_gate": True}, (2, 4, 5), (2, 3, 6), how=ARGS),
    case("GroupQueryAttention", GROUPS, (2, 4, 5), (2, 3, 5), how=ARGS),
    case("GroupQueryAttention", {**GROUPS, "use_bias": False, "use_gate": True}, (2, 4, 5), (2, 3, 5), (2, 3, 5),
         how=ARGS, call=SCORES),
    case("GroupQueryAttention", {**GROUPS, "sliding_window": 2}, (2, 4, 5), (2, 4, 5), how=ARGS,
         masks={"value_mask": [2, 4]}, call=CAUSAL),
    case("LayerNormalization", {}, (3, 4)),
    case("LayerNormalization", {"axis": [1, 2], "epsilon": 0.1}, (2, 3, 4)),
    case("LayerNormalization", {"axis": 1, "center": False}, (2, 3, 4)),
    case("LayerNormalization", {"scale": False}, (2, 3, 4)),
    case("GroupNormalization", {"groups": 2}, (2, 3, 4)),
    case("GroupNormalization", {"groups": -1, "axis": 1, "epsilon": 0.1}, (2, 3, 4, 2)),
    case("GroupNormalization", {"groups": 1, "scale": False}, (3, 4)),
    case("RMSNormalization", {}, (3, 4)),
    case("RMSNormalization", {"axis": [1, 2], "epsilon": 0.1}, (2, 3, 4)),
    case("UnitNormalization", {}, (3, 4)),
    case("UnitNormalization", {"axis": [1, 2]}, (2, 3, 4)),
    case("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 3, "bias_axes": "c"}, (2, 4)),
    case("EinsumDense", {"equation": "abc,cde->abde", "output_shape": [None, 2, 3], "bias_axes": "de",
                         "activation": "tanh"}, (2, 3, 4)),
    case("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 3, "bias_axes": "y"}, (2, 3, 2, 4)),
    case("EinsumDense", {"equation": "abc...,cd->abd...", "output_shape": [3, 4], "bias_axes": "d"}, (2, 3, 2, 3)),
    case("EinsumDense", {"equation": "abc,acd->abd", "output_shape": [None, 3]}, (2, 3, 4)),
    case("Conv1DTranspose", {"filters": 3, "kernel_size": 3}, (2, 4, 2)),
    case("Conv1DTranspose", {"filters": 2, "kernel_size": 2, "strides": 3, **FIRST}, (2, 3, 4)),
    case("Conv1DTranspose", {"filters": 2, "kernel_size": 3, "output_padding": 1, **SEEN}, (2, 4, 2)),
    case("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "activation": "relu", **SEEN}, (2, 3, 4, 2)),
    case("Conv2DTranspose", {"filters": 2, "kernel_size": [2, 3], "dilation_rate": 2, **FIRST}, (1, 3, 3, 2)),
    case("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1}, (1, 2, 3, 2)),
    case("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": [1, 2, 1]}, (1, 2, 2, 3, 2)),
    case("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2}, (2, 5, 3)),
    case("DepthwiseConv1D", {"kernel_size": 2, **SEEN, **FIRST}, (2, 3, 5)),
    case("DepthwiseConv2D", {"kernel_size": [2, 3], "padding": "same", "activation": "tanh"}, (2, 4, 3, 2)),
    case("DepthwiseConv2D", {"kernel_size": 2, "depth_multiplier": 2, "dilation_rate": 2, **FIRST}, (1, 2, 4, 4)),
    case("SeparableConv1D", {"filters": 3, "kernel_size": 3, "depth_multiplier": 2}, (2, 5, 2)),
    case("SeparableConv2D", {"filters": 3, "kernel_size": 2, "activation": "relu", **SEEN}, (2, 4, 5, 2)),
    case("SeparableConv2D", {"filters": 2, "kernel_size": 2, "use_bias": False, **FIRST}, (1, 2, 4, 3)),
    case("AdaptiveAveragePooling1D", {"output_size": 3}, (2, 7, 2)),
    case("AdaptiveAveragePooling1D", {"output_size": 5}, (1, 3, 2)),
    case("AdaptiveAveragePooling2D", {"output_size": [2, 3], **FIRST}, (2, 2, 4, 5)),
    case("AdaptiveAveragePooling3D", {"output_size": 2}, (1, 3, 4, 2, 2)),
    case("AdaptiveMaxPooling1D", {"output_size": 3, **FIRST}, (2, 2, 7)),
    case("AdaptiveMaxPooling2D", {"output_size": [2, 3]}, (2, 4, 5, 2)),
    case("AdaptiveMaxPooling3D", {"output_size": 2}, (1, 3, 4, 2, 2)),
    case("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, (3, 4)),
    case("Permute", {"dims": [3, 1, 2]}, (2, 3, 4, 2)),
    case("RepeatVector", {"n": 3}, (2, 4)),
    case("Cropping1D", {"cropping": [1, 2]}, (2, 5, 2)),
    case("Cropping2D", {"cropping": [[0, 1], [2, 0]]}, (2, 3, 4, 2)),
    case("Cropping2D", {"cropping": 1, **FIRST}, (2, 2, 3, 4)),
    case("Cropping3D", {"cropping": [0, 1, 0]}, (1, 2, 3, 2, 2)),
    case("ZeroPadding1D", {"padding": [1, 2]}, (2, 3, 2)),
    case("ZeroPadding1D", FIRST, (2, 3, 2)),
    case("ZeroPadding2D", {"padding": [[1, 0], [2, 1]]}, (1, 2, 3, 2)),
    case("ZeroPadding2D", {"padding": [0, 1], **FIRST}, (1, 2, 3, 2)),
    case("ZeroPadding3D", {"padding": 1}, (1, 1, 2, 1, 2)),
    case("UpSampling1D", {"size": 3}, (2, 3, 2)),
    case("UpSampling2D", {"size": [1, 2]}, (1, 2, 3, 2)),
    case("UpSampling2D", {"interpolation": "bilinear"}, (1, 2, 3, 2)),
    case("UpSampling2D", {"interpolation": "bicubic", "size": 3, **FIRST}, (1, 2, 3, 4)),
    case("UpSampling2D", {"interpolation": "lanczos3"}, (1, 3, 4, 1)),
    case("UpSampling2D", {"interpolation": "lanczos5"}, (1, 3, 4, 1)),
    case("UpSampling3D", {"size": [1, 2, 1]}, (1, 2, 3, 2, 2)),
    case("SpatialDropout2D", {"rate": 0.5}, (2, 3, 3, 2)),
    case("AlphaDropout", {"rate": 0.5}, (2, 3)),
    case("GaussianNoise", {"stddev": 0.5}, (2, 3)),
    case("GaussianDropout", {"rate": 0.5}, (2, 3)),
    case("SpectralNormalization", {"layer": ["Dense", {"units": 3}]}, (4, 5)),
    case("SpectralNormalization", {"layer": ["Dense", {"units": 3}], "power_iterations": 3}, (4, 5),
         call={"training": True}, slopes=False),
    case("SpectralNormalization", {"layer": ["Conv2D", {"filters": 2, "kernel_size": 2}]}, (1, 3, 3, 2),
         call={"training": True}, slopes=False),
]  # fmt: skip
NEEDED = {
    "units": 3, "rate": 0.5, "stddev": 0.5, "filters": 3, "kernel_size": 2, "output_size": 2, "num_heads": 2,
    "key_dim": 3, "head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, "equation": "ab,bc->ac",
    "output_shape": 3, "dims": [2, 1], "n": 2, "input_dim": 5, "output_dim": 3,
}  # fmt: skip


def make(name, config):
    if "layer" in config:
        inner, settings = config["layer"]
        config = {**config, "layer": getattr(keras.layers, inner)(**settings, name="inner")}
    return getattr(keras.layers, name)(**config)


def leading(shape):
    """True for a few leading places of each row, at least one."""
    if isinstance(shape[0], list):
        return [leading(s) for s in shape]
    return np.arange(shape[-1]) < rng.integers(1, shape[-1] + 1, (*shape[:-1], 1))


def named_masks(masks):
    """Arrays of a case's masks: {name: array}, those of a list numbered."""
    found = {}
    for name, mask in masks.items():
        found |= {f"{name}{i}": m for i, m in enumerate(mask)} if isinstance(mask, list) else {name: mask}
    return found


def record(found_case):
    """Outputs, slopes along cos(0), cos(1), ... and state afterwards, for weights and inputs drawn at random."""
    config, how, call = found_case["config"], found_case["how"], found_case["call"]
    layer = make(found_case["layer"], config)
    xs = [rng.normal(size=shape).astype("float32") for shape in found_case["shapes"]]
    pack = {ONE: lambda xs: xs, LIST: lambda xs: [list(xs)], ARGS: lambda xs: xs}[how]
    masks = {name: leading(shape) for name, shape in found_case["masks"].items()}
    options = {**call, **masks}
    layer(*pack(xs), **options)
    for w in layer.weights:
        w.assign(rng.normal(size=w.shape).astype("float32"))
    found = {f"x{i}": x for i, x in enumerate(xs)} | {f"before{i}": w.numpy() for i, w in enumerate(layer.weights)}
    found |= named_masks(masks)

    def total(trained, xs):
        ys, state = layer.stateless_call(trained, fixed, *pack(xs), **options)
        ys = ys if isinstance(ys, tuple) else (ys,)
        ends = [jnp.sum(y * jnp.cos(jnp.arange(y.size, dtype="float32")).reshape(y.shape)) for y in ys]
        return sum(ends), (ys, state)

    trained = [v.value for v in layer.trainable_variables]
    fixed = [v.value for v in layer.non_trainable_variables]
    if found_case["slopes"]:
        (weight_slopes, x_slopes), (ys, _) = jax.grad(total, argnums=(0, 1), has_aux=True)(trained, xs)
        found |= {f"slope{i}": s for i, s in enumerate(weight_slopes)}
        found |= {f"x_slope{i}": s for i, s in enumerate(x_slopes)}
    else:
        ys = (layer(*pack(xs), **options),)
        found |= {f"after{i}": w.numpy() for i, w in enumerate(layer.weights)}
    found |= {f"y{i}": y for i, y in enumerate(ys)}
    if found_case["layer"] == "ActivityRegularization":
        layer(*xs)
        found["loss"] = np.array(layer.losses[0])
    unknown = [(None, *s[1:]) for s in found_case["shapes"]]
    return found, list(layer.compute_output_shape(*pack(unknown)))


def described(name):
    """Arguments with defaults, and the default configuration under a given name."""
    cls = getattr(keras.layers, name)
    arguments = [
        [p.name, None if p.default is p.empty else [p.default]]
        for p in list(inspect.signature(cls.__init__).parameters.values())[1:]
        if p.kind is not p.VAR_KEYWORD
    ]
    given = {n: NEEDED[n] for n, default in arguments if default is None and n in NEEDED}
    if name == "SpectralNormalization":
        config = cls(keras.layers.Dense(3, name="inner"), name="given").get_config()
        return {"arguments": arguments, "given": {"layer": ["Dense", {"units": 3}]}, "config": config}
    return {"arguments": arguments, "given": given, "config": cls(**given, name="given").get_config()}


if __name__ == "__main__":
    arrays, cases = {}, []
    for i, one in enumerate(CASES):
        found, shape = record(one)
        parts = {name: np.asarray(value, "float32") for name, value in found.items()}
        arrays[str(i)] = np.concatenate([part.ravel() for part in parts.values()])
        cases.append({**one, "output_shape": shape, "layout": [[name, part.shape] for name, part in parts.items()]})
    names = {one["layer"] for one in CASES} | {"ReversibleEmbedding", "SpatialDropout1D", "SpatialDropout3D"}
    facts = {
        "keras": keras.__version__,
        "cases": cases,
        "public": {name: described(name) for name in sorted(names)},
    }
    np.savez_compressed(HERE / "layers_more.npz", facts=json.dumps(facts), **arrays)

"""Words of Keras 1 and 2: what each is today, or what to write in its place.

One table for keywords, one for names. An entry is today's word where the meaning is the same; None where the word says nothing
here and may go; a function from the old value to today's keywords; an `Advice`, the end of an error, where there is no
word of the same meaning.
"""

import importlib
import inspect
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from autonet.errors import SignatureError


class LegacyWarning(FutureWarning):
    """A word that Keras has given up; it still works here."""


class Advice(str):
    """What to write today in place of a word that cannot be translated."""


class Foreign(Advice):
    """The same for a word that other libraries have."""


class Part(str):
    """The keyword whose tuple this word is a part of, in the order of the table."""


Entry = str | None | Callable[[Any], Any]


def _data_format(old: Any) -> Any:
    known = {"tf": "channels_last", "th": "channels_first", "default": None}
    return (
        {"data_format": known[old]} if old in known else Advice("write data_format='channels_last' or 'channels_first'")
    )


def _forget_bias(old: Any) -> Any:
    known = {"one": True, "ones": True, "zero": False, "zeros": False}
    return {"unit_forget_bias": known[old]} if old in known else Advice("write unit_forget_bias=True or False")


def _period(old: Any) -> Any:
    return {} if old == 1 else Advice(f"save_freq counts batches: write save_freq={old} * steps_per_epoch")


def _mode(old: Any) -> Any:
    return {} if old == 0 else Advice("write LayerNormalization for mode=1; mode=2 is gone")


_DATA_FORMAT: dict[str, Entry] = {"dim_ordering": _data_format}
_KERNEL = {
    "init": "kernel_initializer",
    "bias": "use_bias",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
}
_SIZES: dict[str, Entry] = {
    "filter_length": "kernel_size",
    **dict.fromkeys(("nb_row", "nb_col", "kernel_dim1", "kernel_dim2", "kernel_dim3"), Part("kernel_size")),
}
_WINDOWS: dict[str, Entry] = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    **_SIZES,
    **_DATA_FORMAT,
}
_DEPTHWISE: dict[str, Entry] = {
    **{old: new.replace("kernel", "depthwise") for old, new in _KERNEL.items()},
    **_WINDOWS,
}
_RECURRENT: dict[str, Entry] = {
    **_KERNEL,
    "inner_init": "recurrent_initializer",
    "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "consume_less": None,
}
_GATES: dict[str, Entry] = {"inner_activation": "recurrent_activation", "forget_bias_init": _forget_bias}
_POOLING: dict[str, Entry] = {
    "border_mode": "padding",
    "pool_length": "pool_size",
    "stride": "strides",
    **_DATA_FORMAT,
}
_WORKERS: dict[str, Entry] = dict.fromkeys(
    ("workers", "use_multiprocessing", "max_queue_size", "max_q_size", "nb_worker", "pickle_safe")
)
_ACCURACY: dict[str, Entry] = {"show_accuracy": Advice('write metrics=["accuracy"] in compile()')}
_BATCHES: dict[str, Entry] = {"val_samples": Advice("write steps=..., the number of batches")}

ANY_LAYER: dict[str, Entry] = {
    "weights": Advice("call its set_weights(...) once it is built"),
    "input_dtype": Advice("write Input(shape, dtype=...) in front of it"),
}
KEYWORDS: dict[str, dict[str, Entry]] = {  # by the class whose constructor takes them, or the method, or the function
    "Dense": {"output_dim": "units", **_KERNEL},
    "Convolution": {**_KERNEL, **_WINDOWS},
    "ChannelwiseConvolution": _DEPTHWISE,
    "TransposedConvolution": {"output_shape": Advice("leave it out: it follows from the input")},
    "Embedding": {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
        "dropout": Advice("put layers.SpatialDropout1D behind it"),
    },
    "SimpleRNN": {"output_dim": "units", **_RECURRENT},
    "LSTM": {"output_dim": "units", **_RECURRENT, **_GATES},
    "GRU": {"output_dim": "units", "inner_activation": "recurrent_activation", **_RECURRENT},
    "ConvLSTM": {**_RECURRENT, **_GATES, **_WINDOWS},
    "Pooling": _POOLING,
    "GlobalPooling": _DATA_FORMAT,
    "Cropping": _DATA_FORMAT,
    "ZeroPadding": _DATA_FORMAT,
    "UpSampling": {"length": "size", **_DATA_FORMAT},
    "BatchNormalization": {"beta_init": "beta_initializer", "gamma_init": "gamma_initializer", "mode": _mode},
    "LeakyReLU": {"alpha": "negative_slope"},
    "PReLU": {"init": "alpha_initializer"},
    "Dropout": {"p": "rate"},
    "SpatialDropout": _DATA_FORMAT,
    "GaussianDropout": {"p": "rate"},
    "GaussianNoise": {"sigma": "stddev"},
    "Model": {"input": "inputs", "output": "outputs"},
    "Stepping.compile": {
        "sample_weight_mode": Advice("leave it out: weights of shape (samples, steps) are taken as they are"),
        "target_tensors": Advice("leave it out: targets are given to fit()"),
        "class_mode": Advice("leave it out: the loss says it"),
    },
    "Trainer.fit": {
        "nb_epoch": "epochs",
        "samples_per_epoch": Advice("write steps_per_epoch=..., the number of batches"),
        "nb_val_samples": Advice("write validation_steps=..., the number of batches"),
        **_ACCURACY,
        **_WORKERS,
    },
    "Trainer.evaluate": {**_ACCURACY, **_WORKERS, **_BATCHES},
    "Trainer.predict": {**_WORKERS, **_BATCHES},
    "OnBatchTrainer.train_on_batch": {
        "reset_metrics": Advice("call model.reset_metrics() where metrics are to start anew"),
        "accuracy": _ACCURACY["show_accuracy"],
    },
    "OnBatchTrainer.test_on_batch": {
        "reset_metrics": Advice("call model.reset_metrics() where metrics are to start anew"),
        "accuracy": _ACCURACY["show_accuracy"],
    },
    "Persistence.load_weights": {
        "by_name": Advice("leave it out, with skip_mismatch=True where the file may lack weights or have others")
    },
    "Tensor.backward": {"create_graph": Foreign("write autonet.grad(f)(x), whose results have derivatives again")},
    "ModelCheckpoint": {"period": _period},
    "ReduceLROnPlateau": {"epsilon": "min_delta"},
    "MaxNorm": {"m": "max_value"},
    "L1": {"l": "l1"},
    "L2": {"l": "l2"},
    "to_categorical": {"nb_classes": "num_classes", "y": "x"},
}


# Names

_IN_PLACE = {"add": "add", "clamp": "clip", "div": "divide", "mul": "multiply", "sub": "subtract", "zero": "zeros_like"}


class Made(NamedTuple):
    """What to write, and a function from the package, or the model, to what the old name means."""

    write: str
    make: Callable[[Any], Any]


Name = str | Made  # an attribute of the package; "module:attribute"; an Advice


def _with(where: str, **defaults: Any) -> Made:
    """A function of today's, under other defaults."""
    module, _, attribute = where.partition(":")

    def make(_: Any) -> Callable[..., Any]:
        function = getattr(importlib.import_module(module), attribute)

        def old(*args: Any, **kwargs: Any) -> Any:
            given = inspect.signature(function).bind_partial(*args, **kwargs).arguments
            return function(*args, **kwargs, **{k: v for k, v in defaults.items() if k not in given})

        return old

    shown = ", ".join(f"{k}={v!r}" for k, v in defaults.items())
    return Made(f"{module}.{attribute}(..., {shown})", make)


def _on_arrays(write: str, function: Callable[..., Any]) -> Made:
    """A function of autonet.ops and what it is called on."""
    return Made(write, lambda _: lambda *args: function(importlib.import_module("autonet.ops"), *args))


def _generator(method: str) -> Made:
    def make(model: Any) -> Callable[..., Any]:
        def old(generator: Any, *args: Any, **kwargs: Any) -> Any:
            if args:
                raise SignatureError(
                    f"{method}_generator: the second argument counted samples in Keras 1 and batches in Keras 2. "
                    f"Write {method}(generator, {'steps_per_epoch' if method == 'fit' else 'steps'}=...)."
                )
            return getattr(model, method)(generator, **kwargs)

        return old

    return Made(f"{method}(generator, ...)", make)


def _merge(layers: Any) -> Callable[..., Any]:
    ways = {"sum": "add", "mul": "multiply", "ave": "average", "max": "maximum", "concat": "concatenate"}

    def merge(inputs: Any, mode: str = "sum", *, concat_axis: int = -1, name: str | None = None) -> Any:
        if mode not in ways:
            raise SignatureError(f"merge: mode={mode!r} is gone. Write layers.Dot, or a Lambda.")
        axis = {"axis": concat_axis} if mode == "concat" else {}
        return getattr(layers, ways[mode])(inputs, name=name, **axis)

    return merge


def _set_dim_ordering(backend: Any) -> Callable[[str], None]:
    return lambda order: backend.set_image_data_format({"tf": "channels_last", "th": "channels_first"}[order])


_SAME = """abs all any arange cast clip cos dot elu equal exp greater greater_equal less less_equal log logsumexp max maximum
    mean min minimum ndim not_equal one_hot ones_like prod relu reshape round shape sigmoid sign sin softmax softplus softsign
    square squeeze stack std stop_gradient sum tanh tile transpose var zeros_like""".split()
_TRAINING = Advice("give call() an argument training=None")
_TARGET_FIRST = Advice(
    "write the function of autonet.ops, which takes target, output; Keras 1 took them the other way round"
)
_GRAPH = Advice("write autonet.grad(f), or a Model from the inputs to the layer that is asked for")

NAMES: dict[str, dict[str, Name]] = {
    "autonet": {
        "GradientTape": Foreign("write autonet.grad(f)(x) or autonet.value_and_grad(f)(x)"),
        "Module": Foreign("write autonet.Layer or autonet.Model"),
        "from_numpy": Foreign("write autonet.Tensor(array)"),
        "function": Foreign("write autonet.jit(f)"),
        "jacfwd": Foreign("write autonet.jacobian(f)"),
        "jacrev": Foreign("write autonet.jacobian(f)"),
        "nn": Foreign("write autonet.layers for layers, autonet.ops for functions"),
        "numpy": Foreign("write autonet.ops"),
        "optim": Foreign("write autonet.optimizers"),
        "tensor": Foreign("write autonet.Tensor(values)"),
        "vmap": Foreign("write autonet.ops.vectorized_map(f, xs)"),
    },
    "autonet.preprocessing": {"text": Foreign("write layers.TextVectorization")},
    "autonet.preprocessing.image": {
        "ImageDataGenerator": Foreign(
            "write utils.image_dataset_from_directory for files, layers.RandomFlip, RandomRotation and their like for changes"
        )
    },
    "autonet.ops": {
        **dict.fromkeys(
            ("eig", "ifft", "polar", "view_as_complex", "view_as_real"),
            Foreign(
                "Tensors hold no complex numbers: keep real and imaginary parts as two, as in ops.fft((real, imag)); "
                "for symmetric matrices write ops.eigh"
            ),
        ),
        "bmm": Foreign("write ops.matmul"),
        "cat": Foreign("write ops.concatenate"),
        "concat": Foreign("write ops.concatenate"),
        "gather": Foreign("write ops.take or ops.take_along_axis"),
        "masked_fill": Foreign("write ops.where"),
        "mm": Foreign("write ops.matmul"),
        "permute": Foreign("write ops.transpose"),
        **{f"reduce_{name}": Foreign(f"write ops.{name}") for name in "all any max mean min prod sum".split()},
        "tensor_scatter_nd_update": Foreign("write ops.scatter_update"),
        "unsqueeze": Foreign("write ops.expand_dims"),
        "vmap": Foreign("write ops.vectorized_map"),
    },
    "Tensor": {
        **{
            f"{name}_": Foreign(f"Tensors do not change: write x = ops.{word}(...)") for name, word in _IN_PLACE.items()
        },
        "clone": Foreign("Tensors do not change: use it as it is, or ops.copy(x)"),
        "contiguous": Foreign("leave it out"),
        "cpu": Foreign("leave it out: Tensors are in the processor's memory"),
        "cuda": Foreign("leave it out: Tensors are in the processor's memory"),
        "dim": Foreign("write x.ndim"),
        "expand": Foreign("write ops.broadcast_to(x, shape)"),
        "masked_fill": Foreign("write ops.where(mask, value, x)"),
        "numel": Foreign("write x.size"),
        "permute": Foreign("write x.transpose(axes)"),
        "requires_grad_": Foreign("write Tensor(x, requires_grad=True)"),
        "t": Foreign("write x.T"),
        "to": Foreign("write x.astype(dtype)"),
        "unsqueeze": Foreign("write ops.expand_dims(x, axis)"),
        "view": Foreign("write x.reshape(shape)"),
    },
    "autonet.backend": {
        **{name: f"autonet.ops:{name}" for name in _SAME},
        "permute_dimensions": "autonet.ops:transpose",
        "pow": "autonet.ops:power",
        "reverse": "autonet.ops:flip",
        "repeat_elements": "autonet.ops:repeat",
        "flatten": "autonet.ops:ravel",
        "constant": "autonet.ops:convert_to_tensor",
        "eval": "autonet.ops:convert_to_numpy",
        "get_value": "autonet.ops:convert_to_numpy",
        "variable": Made("Variable(value, dtype=..., name=...)", lambda _: _variable),
        "random_normal": "autonet.random:normal",
        "random_uniform": "autonet.random:uniform",
        "argmax": _with("autonet.ops:argmax", axis=-1),
        "argmin": _with("autonet.ops:argmin", axis=-1),
        "concatenate": _with("autonet.ops:concatenate", axis=-1),
        "cumsum": _with("autonet.ops:cumsum", axis=0),
        "cumprod": _with("autonet.ops:cumprod", axis=0),
        "expand_dims": _with("autonet.ops:expand_dims", axis=-1),
        "gather": _with("autonet.ops:take", axis=0),
        "sqrt": _on_arrays("ops.sqrt(ops.maximum(x, 0))", lambda ops, x: ops.sqrt(ops.maximum(x, 0.0))),
        "batch_flatten": _on_arrays("ops.reshape(x, (n, -1))", lambda ops, x: ops.reshape(x, (x.shape[0], -1))),
        "int_shape": _on_arrays("tuple(x.shape)", lambda ops, x: tuple(x.shape)),
        "set_value": _on_arrays("x.assign(value)", lambda ops, x, value: x.assign(value)),
        "hard_sigmoid": _on_arrays("ops.clip(0.2 * x + 0.5, 0, 1)", lambda ops, x: ops.clip(0.2 * x + 0.5, 0.0, 1.0)),
        "image_dim_ordering": Made(
            "image_data_format()",
            lambda backend: lambda: "tf" if backend.image_data_format() == "channels_last" else "th",
        ),
        "set_image_dim_ordering": Made("set_image_data_format('channels_last')", _set_dim_ordering),
        **dict.fromkeys(("learning_phase", "set_learning_phase", "in_train_phase", "in_test_phase"), _TRAINING),
        **dict.fromkeys(("binary_crossentropy", "categorical_crossentropy"), _TARGET_FIRST),
        "sparse_categorical_crossentropy": _TARGET_FIRST,
        **dict.fromkeys(("function", "gradients"), _GRAPH),
        **dict.fromkeys(
            ("zeros", "ones", "eye"), Advice("write autonet.ops.zeros (ones, eye), in a Variable where it is a weight")
        ),
        "batch_dot": Advice("write ops.einsum, or layers.Dot"),
        "dropout": Advice("write random.dropout, or layers.Dropout"),
        "l2_normalize": Advice("write ops.normalize(x, axis)"),
        "repeat": Advice("write ops.repeat(ops.expand_dims(x, 1), n, axis=1)"),
        "switch": Advice("write ops.where(condition, x, y)"),
        "conv2d": Advice("write ops.conv"),
        "pool2d": Advice("write ops.max_pool or ops.average_pool"),
    },
    "autonet.constraints": {"maxnorm": "MaxNorm", "nonneg": "NonNeg", "unitnorm": "UnitNorm"},
    "autonet.layers": {
        "CuDNNGRU": "GRU",
        "CuDNNLSTM": "LSTM",
        "TimeDistributedDense": "Dense",
        "merge": Made("layers.add, concatenate, multiply, average or maximum", _merge),
        "AtrousConvolution1D": Advice("write Conv1D(..., dilation_rate=...)"),
        "AtrousConvolution2D": Advice("write Conv2D(..., dilation_rate=...)"),
        "Deconvolution2D": Advice("write Conv2DTranspose(filters, kernel_size, strides, padding)"),
        "Highway": Advice("write it as a Layer of your own"),
        "LocallyConnected1D": Advice("write it as a Layer of your own"),
        "LocallyConnected2D": Advice("write it as a Layer of your own"),
        "MaxoutDense": Advice("write Dense, Reshape and ops.max"),
        "Merge": Advice("write layers.Add, Concatenate, Multiply, Average, Maximum or Dot"),
        "ThresholdedReLU": Advice("write ReLU(threshold=...)"),
    },
    "autonet.losses": {
        "mse": "mean_squared_error",
        "mae": "mean_absolute_error",
        "mape": "mean_absolute_percentage_error",
        "huber_loss": "huber",
        "kullback_leibler_divergence": "kl_divergence",
        "logcosh": "log_cosh",
    },
    "autonet.models": {
        "Graph": Advice("write Model(inputs, outputs)"),
        "model_from_yaml": Advice("write to_json and model_from_json"),
    },
    "autonet.optimizers": {
        name.lower(): name for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam")
    },
    "autonet.regularizers": {
        "l1l2": _with("autonet.regularizers:L1L2", l1=0.01, l2=0.01),
        "WeightRegularizer": "L1L2",
        **dict.fromkeys(
            ("activity_l1", "activity_l2", "activity_l1l2", "ActivityRegularizer"),
            Advice("write activity_regularizer=regularizers.L1(...) or L2(...), which is divided by the batch's size"),
        ),
    },
    "autonet.utils": {
        "multi_gpu_model": Advice("leave it out: training runs on the processor"),
    },
    "Model": {
        "predict_proba": "predict",
        "predict_classes": Advice("write predict(x).argmax(-1), or predict(x) > 0.5 for one unit"),
        "fit_generator": _generator("fit"),
        "evaluate_generator": _generator("evaluate"),
        "predict_generator": _generator("predict"),
    },
}

MODULES = {  # old module: where its names are today
    **{
        f"autonet.layers.{name}": "autonet.layers"
        for name in """advanced_activations convolutional convolutional_recurrent core cudnn_recurrent embeddings local merge
        noise wrappers""".split()
    },
    **{
        f"autonet.utils.{name}": "autonet.utils"
        for name in "data_utils generic_utils io_utils layer_utils np_utils vis_utils".split()
    },
    "autonet.engine": "autonet.layers",
    "autonet.engine.topology": "autonet.layers",
    "autonet.engine.training": "autonet.models",
    "autonet.objectives": "autonet.losses",
}


def _variable(value: Any, dtype: Any = None, name: str | None = None) -> Any:
    return importlib.import_module("autonet.variable").Variable(value, dtype=dtype, name=name)


# Keywords, translated


def of_class(cls: type, takes: Collection[str]) -> dict[str, Entry]:
    """Words for a class's constructor, which takes these: those of the classes above too."""
    words = {old: entry for c in reversed(cls.__mro__) for old, entry in KEYWORDS.get(c.__name__, {}).items()}
    return {
        old: entry for old, entry in words.items() if old not in takes and (type(entry) is not str or entry in takes)
    }


def translate(who: str, words: dict[str, Entry], kwargs: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Keyword arguments in today's words, and a sentence about each that was not.

    Raises: SignatureError for a word that has no such meaning, or is given beside today's.
    """
    today = {name: value for name, value in kwargs.items() if name not in words}
    parts: dict[str, list[str]] = {}
    for old, entry in words.items():
        if isinstance(entry, Part) and old in kwargs:
            parts.setdefault(entry, []).append(old)
    found = [("=..., ".join(olds), {name: tuple(kwargs[old] for old in olds)}) for name, olds in parts.items()]
    for old, entry in words.items():
        if old not in kwargs or isinstance(entry, Part):
            continue
        if callable(entry):
            entry = entry(kwargs[old])
        if isinstance(entry, Advice):
            whose = "" if isinstance(entry, Foreign) else ", which is Keras 1's or 2's word"
            raise SignatureError(f"{who} has no argument {old!r}{whose}: {entry}.")
        found.append((old, {entry: kwargs[old]} if isinstance(entry, str) else entry or {}))
    told = []
    for old, new in found:
        for name in new:
            if name in today:
                raise SignatureError(f"{who} received both {name}=... and its older name {old}=...: keep the first.")
        today |= new
        write = " and ".join(f"{name}={_shown(value)}" for name, value in new.items())
        instead = f"write {write} instead of {old}=..." if new else f"leave out {old}=..., which says nothing here"
        told.append(f"{who}: {instead}; it is Keras 1's or 2's word.")
    return today, told


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, (bool, int, str, tuple)) and len(repr(value)) < 30 else "..."

"""Hostile configurations in sound files: names that reach out, sizes that take everything, values of every wrong kind."""

import copy
import json
import random

import numpy as np

import autonet as keras
from autonet.saving.archive import write_archive
from autonet.saving.models import describe

NAMES = [    # (module, class)
    *(("os", "system"), ("posix", "system"), ("subprocess", "Popen"), ("subprocess", "run"), ("builtins", "eval"), ("builtins", "exec")),
    *(("builtins", "open"), ("builtins", "__import__"), ("builtins", "object"), ("builtins", "type"), ("importlib", "import_module")),
    *(("ctypes", "CDLL"), ("pickle", "loads"), ("shutil", "rmtree"), ("socket", "socket"), ("urllib.request", "urlopen"), ("runpy", "run_path")),
    *(("collections", "OrderedDict"), ("decimal", "Decimal"), ("pathlib", "Path"), ("numpy", "load"), ("numpy", "memmap"), ("antigravity", "x"), ("this", "s")),
    *(("keras.utils", "get_file"), ("keras.saving", "load_model"), ("keras.models", "load_model"), ("keras.models", "model_from_json")),
    *(("keras.config", "set_floatx"), ("keras.config", "enable_unsafe_deserialization"), ("keras.utils", "set_random_seed"), ("keras.utils", "clear_session")),
    *(("keras.saving", "register_keras_serializable"), ("keras.saving", "get_custom_objects"), ("keras.saving", "CustomObjectScope")),
    *(("keras.callbacks", "CSVLogger"), ("keras.callbacks", "ModelCheckpoint"), ("keras.callbacks", "BackupAndRestore"), ("keras.callbacks", "TensorBoard")),
    *(("keras.datasets", "mnist"), ("keras.datasets.mnist", "load_data"), ("keras.utils", "PyDataset"), ("keras.utils", "plot_model")),
    *(("keras", "datasets"), ("keras", "callbacks"), ("keras", "__dict__"), ("keras", "config"), ("keras", "Variable"), ("keras", "jit")),
    *(("autonet.utils", "get_file"), ("autonet", "Model"), ("autonet.layers", "Dense"), ("autonet.saving.archive", "Archive"), ("autonet.cli", "main")),
    *(("keras.layers", "Layer.__init__"), ("keras.layers", "__class__"), ("keras.layers", "__builtins__"), ("keras.layers", "deserialize"), ("keras.layers", "Lambda")),
    *(("keras.src.utils.file_utils", "get_file"), ("keras.src.saving.saving_lib", "load_model"), ("keras.src..layers", "Dense"), ("keras.src.", ""), ("keras.src", "x")),
    *(("", ""), (None, None), (None, "system"), (3, 3), ([], {}), ("keras.layers", ["Dense"]), ({"a": 1}, "Dense"), ("keras.layers", "D" * 1_000_000)),
]  # fmt: skip
FUNCTIONS = [
    *(
        "os.system",
        "system",
        "eval",
        "exec",
        "__import__",
        "open",
        "get_file",
        "load_model",
        "set_floatx",
        "set_random_seed",
        "deserialize",
        "get",
    ),
    *(
        "np.load",
        "load_data",
        "__class__",
        "convert_to_numpy.__globals__",
        "",
        "relu.__globals__",
        "builtins.eval",
        "print",
        "x" * 100_000,
    ),
]
CODE = "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMMAAAAZAFkAGwAfQF8AGoAZAKDAVMA"  # as Keras keeps the code of a lambda


def dense(**changes):
    return {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"name": "d", "units": 2, **changes},
        "registered_name": None,
    }


def layer(name, module="keras.layers", **config):
    return {"module": module, "class_name": name, "config": {"name": "x", **config}, "registered_name": None}


def stack(*layers, shape=(None, 3), dtype="float32", **more):
    first = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": list(shape), "dtype": dtype, "name": "i"},
        "registered_name": None,
    }
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "m", "layers": [first, *layers], **more},
        "registered_name": None,
    }


def calls():
    """Configurations that name what they should not."""
    for module, name in NAMES:
        object_ = {
            "module": module,
            "class_name": name,
            "config": {"args": ["echo evil"], "command": "echo evil"},
            "registered_name": None,
        }
        yield object_
        yield stack(object_)
        yield {**object_, "registered_name": f"{module}>{name}"}
        yield stack(dense(kernel_initializer=object_))
        yield stack(dense(activation=object_))
        yield {**stack(dense()), "compile_config": {"optimizer": object_, "loss": "mse"}}
    for name in FUNCTIONS:
        function = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
        yield stack(dense(activation=function))
        yield stack(dense(activation=name))
        yield stack(layer("Lambda", function=function, arguments={"x": "echo evil"}))
        yield stack(layer("Lambda", function=name))
        yield {**stack(dense()), "compile_config": {"optimizer": "sgd", "loss": function}}
        yield {**stack(dense()), "compile_config": {"optimizer": name, "loss": name, "metrics": [name, function]}}
        yield stack(dense(kernel_regularizer=function, kernel_constraint=name))
    for code in (
        {"code": CODE, "defaults": None, "closure": None},
        {"value": "lambda x: __import__('os')"},
        CODE,
        [CODE, None, None],
        {"name": "missing"},
        {"name": ["x"]},
    ):
        value = {"class_name": "__lambda__", "config": code}
        yield stack(layer("Lambda", function=value))
        yield stack(dense(activation=value))
        yield {**stack(dense()), "compile_config": {"optimizer": "sgd", "loss": value}}
    for path in ("/etc/passwd", "../x", "http://example.org/x", "file:///etc/passwd", b"\0".decode()):
        for word in ("StringLookup", "IntegerLookup", "TextVectorization"):
            yield stack(layer(word, vocabulary=path), dtype="string", shape=(None, 1))
        yield stack(layer("Embedding", input_dim=3, output_dim=2, weights=path))
        yield stack(dense(kernel_initializer=path, name="d"))
        yield {"module": "keras", "class_name": "Sequential", "config": path}
        yield path
    for special in ("__numpy__", "__tensor__"):
        for dtype in (
            "object",
            "S999999999",
            "V99999999999",
            "U99999999",
            "datetime64[s]",
            "float32,object",
            "no",
            None,
            3,
        ):
            yield stack(dense(kernel_initializer={"class_name": special, "config": {"value": [1], "dtype": dtype}}))
    yield stack(layer("Rescaling", scale={"class_name": "__bytes__", "config": {"value": 3}}))
    yield stack(dense(units={"class_name": "__slice__", "config": {}}))
    yield stack(dense(units={"class_name": "__tuple__"}))
    yield {**dense(), "shared_object_id": [1]}


def sizes():
    """Configurations of weights and results that are larger than the file."""
    big = 10**9
    for units in (2**31, 10**9, 10**12, 2**62, 2**64 - 1, -1, 0, 1.5, True, "2", None, [2], {}):
        yield stack(dense(units=units))
    yield stack(dense(units=big, kernel_initializer="orthogonal"))
    yield stack(dense(units=100_000), shape=(None, 100_000))
    yield stack(dense(), shape=(None, 10**15))
    yield stack(dense(), shape=(10**15, 3))
    yield stack(dense(), shape=(None, -3))
    yield stack(dense(), shape=(None, *[2] * 70))
    yield stack(layer("Embedding", input_dim=10**12, output_dim=10**6))
    yield stack(layer("Conv1D", filters=10**6, kernel_size=10**6), shape=(None, 10**7, 3))
    yield stack(layer("Conv2D", filters=3, kernel_size=[10**9, 10**9]), shape=(None, 10**10, 10**10, 3))
    yield stack(layer("LSTM", units=10**9), shape=(None, 4, 3))
    yield stack(layer("LSTM", units=10**5, stateful=True), shape=(10**6, 4, 3))
    yield stack(layer("GRU", units=2), shape=(None, 10**12, 3))
    yield stack(layer("MultiHeadAttention", num_heads=10**6, key_dim=10**6), shape=(None, 4, 3))
    yield stack(layer("BatchNormalization"), shape=(None, 10**12))
    yield stack(layer("LayerNormalization", axis=list(range(50))), shape=(None, *[3] * 49))
    yield stack(layer("PReLU"), shape=(None, 10**6, 10**6))
    yield stack(layer("UpSampling2D", size=[big, big]), dense(), shape=(None, 3, 3, 3))
    yield stack(layer("ZeroPadding2D", padding=big), layer("Flatten"), dense(), shape=(None, 3, 3, 3))
    yield stack(layer("RepeatVector", n=10**15), layer("Flatten"), dense())
    yield stack(layer("Reshape", target_shape=[big, big]))
    yield stack(layer("Reshape", target_shape=[-1] * 100))
    yield stack(layer("Permute", dims=[big]))
    yield stack(layer("CategoryEncoding", num_tokens=10**12), dense())
    yield stack(layer("Discretization", num_bins=10**12))
    yield stack(layer("Hashing", num_bins=10**18))
    yield stack(layer("Dropout", rate=0.5, noise_shape=[10**9] * 9))
    yield stack(layer("TimeDistributed", layer=dense(units=10**9)), shape=(None, 4, 3))
    yield stack(layer("EinsumDense", equation="ab,b" + "c" * 60 + "->a", output_shape=big))
    yield stack(layer("EinsumDense", equation="a" * 100_000 + "->a", output_shape=big))
    yield stack(layer("Lambda", function="relu", output_shape=[10**15]), dense())
    yield stack(*[layer("Identity") | {"config": {"name": f"i{n}"}} for n in range(1500)], dense())
    nested = dense()
    for n in range(40):
        nested = stack(nested) | {"config": {**stack(nested)["config"], "name": f"m{n}"}}
    yield nested
    for metric in (
        layer("AUC", "keras.metrics", num_thresholds=10**12), layer("AUC", "keras.metrics", num_thresholds=2 * 10**8),
        layer("MeanIoU", "keras.metrics", num_classes=10**6), layer("Precision", "keras.metrics", thresholds=[0.5], top_k=10**18),
        layer("F1Score", "keras.metrics"), layer("SensitivityAtSpecificity", "keras.metrics", specificity=0.5, num_thresholds=10**10),
        layer("PrecisionAtRecall", "keras.metrics", recall=0.5, num_thresholds=2 * 10**8),
    ):  # fmt: skip
        yield {**stack(dense()), "compile_config": {"optimizer": "sgd", "loss": "mse", "metrics": [metric]}}
    for name, value in (
        ("steps_per_execution", 10**18),
        ("jit_compile", "/bin/sh"),
        ("run_eagerly", "x"),
        ("loss_weights", "x"),
        ("loss", 3),
        ("unknown", 3),
        ("optimizer", 3),
    ):
        yield {**stack(dense()), "compile_config": {"optimizer": "sgd", "loss": "mse", name: value}}
    yield {**stack(dense()), "compile_config": [1]}
    yield {**stack(dense()), "build_config": {"input_shape": [10**15, 3]}}


def graph(operation, inbound, **more):
    """A model of an input and one operation."""
    first = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 3], "dtype": "float32", "name": "i"},
        "registered_name": None,
        "name": "i",
        "inbound_nodes": [],
    }
    last = {**operation, "name": "o", "inbound_nodes": inbound}
    config = {
        "name": "m",
        "trainable": True,
        "layers": [first, last],
        "input_layers": [["i", 0, 0]],
        "output_layers": [["o", 0, 0]],
        **more,
    }
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
    }


def graphs():
    """Graphs of operations that allocate, reach out, or never end."""
    x = {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 3], "dtype": "float32", "keras_history": ["i", 0, 0]},
    }
    big = 10**10
    for word, args, kwargs in (
        ("Eye", [10**6], {}), ("Zeros", [[big]], {}), ("Ones", [[big]], {}), ("Full", [[big], 1.0], {}), ("Arange", [big], {}), ("Linspace", [0, 1, big], {}),
        ("Tile", [x, [1, big]], {}), ("Repeat", [x, big], {"axis": 1}), ("OneHot", [x, big], {}), ("BroadcastTo", [x, [big, big, 3]], {}), ("Pad", [x, [[0, 0], [0, big]]], {}),
        ("Reshape", [x, [big, -1]], {}), ("Power", [x, big], {}), ("Take", [x, [big]], {}), ("Tri", [10**6], {}), ("Identity", [10**6], {}), ("MultiHot", [x, big], {}),
        ("Outer", [x, x], {}), ("Einsum", ["ab,cd->abcd", x, x], {}), ("Stack", [[x] * 3000], {}), ("Roll", [x, big], {}), ("Logspace", [0, 1, big], {}),
        ("Convert", [x], {}), ("Load", ["/etc/passwd"], {}), ("Fromfile", ["/etc/passwd"], {}), ("Save", ["/evil", x], {}), ("Np", [x], {}), ("Os", [x], {}),
        ("__Class__", [x], {}), ("_Getitem", [x, 3], {}), ("Annotations", [x], {}), ("VectorizedMap", ["os.system", x], {}), ("Map", ["eval", x], {}), ("Add", [x], {}),
        ("Add", [x, x, x], {}), ("Add", [x, "evil"], {}), ("Add", [x, {"class_name": "system", "module": "os", "config": {}}], {}), ("Conv", [x, x], {"strides": big}),
        ("Slice", [x, [0, 0], [big, big]], {}), ("Add", [], {}), ("Add", 3, {}), ("Add", [x, x], {"out": "file"}), ("Resize", [x, [big, big]], {}), ("Split", [x, big], {}),
    ):  # fmt: skip
        for module in ("keras.src.ops.numpy", "autonet.ops"):
            operation = {"module": module, "class_name": word, "config": {"name": "o"}, "registered_name": word}
            yield graph(operation, [{"args": args, "kwargs": kwargs}])
            settings = {
                "name": "o",
                "newshape": [big],
                "shape": [big],
                "repeats": big,
                "num_classes": big,
                "N": 10**6,
                "reps": big,
                "num": big,
            }
            yield graph({**operation, "config": settings}, [{"args": [x], "kwargs": {}}])
    loop = copy.deepcopy(x)
    loop["config"]["keras_history"] = ["o", 0, 0]
    yield graph(dense(), [{"args": [loop], "kwargs": {}}])
    for history in (
        ["none", 0, 0],
        ["i", 5, 0],
        ["i", 0, 5],
        ["i", -1, -1],
        ["i"],
        [],
        "i",
        None,
        [["i"], 0, 0],
        ["i", "0", "0"],
    ):
        bad = copy.deepcopy(x)
        bad["config"]["keras_history"] = history
        yield graph(dense(), [{"args": [bad], "kwargs": {}}])
        yield graph(dense(), [{"args": [x], "kwargs": {}}], output_layers=[history])
    for inbound in (
        [{}],
        [3],
        [[]],
        [[["i", 0, 0, {}]]] * 2,
        "x",
        None,
        [{"args": "x", "kwargs": {}}],
        [{"args": [x], "kwargs": []}],
        [{"args": [x], "kwargs": {"training": {"a": 1}}}],
    ):
        yield graph(dense(), inbound)
    yield graph(dense(), [{"args": [x], "kwargs": {}}] * 1500)
    names = [f"l{n}" for n in range(2000)]

    def tensor(name):
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 3], "dtype": "float32", "keras_history": [name, 0, 0]},
        }

    chain = [
        {**layer("Identity"), "config": {"name": n}, "name": n, "inbound_nodes": [{"args": [tensor(b)], "kwargs": {}}]}
        for n, b in zip(names, ["i", *names], strict=False)
    ]
    model = graph(dense(), [{"args": [x], "kwargs": {}}], output_layers=[[names[-1], 0, 0]])
    model["config"]["layers"] = [*reversed(chain), model["config"]["layers"][0]]
    yield model
    for key in ("layers", "input_layers", "output_layers"):
        for value in (None, 3, [], {}, "x", [None], [[]], [{}]):
            yield graph(dense(), [{"args": [x], "kwargs": {}}], **{key: value})


BUILT = [
    *(
        None,
        3,
        [],
        "x",
        {"": 3},
        {"dense": {"input_shape": [None, 10**15]}},
        {"dense": {"input_shape": [None, -3]}},
        {"dense": {"input_shape": "x"}},
    ),
    *(
        {"dense": {"shapes_dict": {"evil": [3]}}},
        {"dense": {"shapes_dict": {"self": [3]}}},
        {"dense": {"input_shape": [[[[]]]]}},
        {"dense": {}},
        {"dense": {"run": "x"}},
    ),
]
VALUES = [
    *(
        None,
        True,
        -1,
        0,
        10**18,
        2**64 - 1,
        1.5,
        -1e300,
        "",
        "x",
        "os.system",
        "../../x",
        "/dev/zero",
        [],
        [[]],
        {},
        [None],
        [10**9] * 9,
        {"class_name": "system"},
    ),
    *(
        {"class_name": "Dense", "module": "keras.layers", "config": {"units": 10**9}},
        {"class_name": "function", "config": "eval"},
        {"a": {"b": []}},
        "\0",
        "é" * 1000,
    ),
]


def places(tree, path=()):
    """Every place in a tree."""
    yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*path, key))


def changed(tree, path, change):
    if not path:
        return change(tree)
    tree = copy.copy(tree)
    tree[path[0]] = changed(tree[path[0]], path[1:], change)
    return tree


def mutations(models, count):
    """Sound configurations with some values replaced, moved or removed."""
    rng = random.Random(7)
    for _ in range(count):
        config, arrays = rng.choice(models)
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            path = rng.choice(list(places(config)))
            kind = rng.randrange(4)
            if kind == 0 and path and isinstance(path[-1], str):
                config = changed(
                    config, path[:-1], lambda parent, key=path[-1]: {k: v for k, v in parent.items() if k != key}
                )
            elif kind == 1:
                other = rng.choice(list(places(config)))
                value = config
                for key in other:
                    value = value[key]
                config = changed(config, path, lambda _, value=value: copy.deepcopy(value))
            else:
                config = changed(config, path, lambda _: copy.deepcopy(rng.choice(VALUES)))
        yield config, arrays


def sound():
    """Configurations and arrays of models of several kinds."""
    from tests.saving.zoo import ZOO

    for name in ("sequential", "convolutional", "recurrent", "attentive", "nested"):
        model, x, y = ZOO[name]()
        model.run_eagerly = True
        model.train_on_batch(x, y)
        yield json.loads(json.dumps(keras.saving.serialize_keras_object(model))), model


def files(folder):
    """All of these in sound archives, and some of them as JSON alone."""
    path = folder / "x"
    two = {"weights/dense/kernel": np.ones((3, 2), "f4"), "weights/dense/bias": np.ones(2, "f4")}
    groups = {"call": calls(), "size": sizes(), "graph": graphs()}
    for group, configs in groups.items():
        for n, config in enumerate(configs):
            write_archive(path, "model", {"model": config, "built": {}}, two)
            yield f"model-{group}-{n}", path.read_bytes()
            if group == "call" and n % 3 == 0:
                yield f"json-{group}-{n}", json.dumps(config).encode()
    for n, built in enumerate(BUILT):
        config = {
            "model": {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": [dense()]}},
            "built": built,
        }
        write_archive(path, "model", config, two)
        yield f"model-built-{n}", path.read_bytes()
    models = []
    for n, (config, model) in enumerate(sound()):
        described, variables = describe(model)
        models.append((json.loads(json.dumps(described)), {name: v.numpy() for name, v in variables.items()}))
        yield f"json-zsound-{n}", json.dumps(config).encode()
    for n, (config, arrays) in enumerate(mutations(models, 200)):
        write_archive(path, "model", config, arrays)
        yield f"model-mutation-{n}", path.read_bytes()
    path.unlink()

"""Sound configurations with one value replaced: python replaced.py [seconds] [seed], from the top of the repository.

Models of every layer, loss, metric, optimizer, schedule, initializer, regularizer and constraint are described; each number,
text, list and None in a description is replaced by every hostile value in turn; and models are made of what comes out, by
`model_from_json` and by `from_config`. Whatever is not refused by a documented error, or takes much time or memory, is told.
"""

import json
import math
import os
import pathlib
import random
import resource
import sys
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).parents[3]))

import numpy as np

import autonet as keras
from autonet.saving import serialize_keras_object
from autonet.serialization.registry import open_rooms
from autonet.untrusted import faults

SECONDS, MEMORY, ROOM = 2.0, 192 << 20, 1 << 30

VALUES = [0, -1, 1, 10**6, 10**9, 2**31, 2**63 - 1, 2**64 - 1, 1e308, -1e308, 0.5, True, None, "", "x", [], [None], {}]
VALUES += [[10**6], [10**9] * 3, [[1, 2], [3]], {"a": 1}, [1, "x"]]
BEYOND_JSON = [math.nan, math.inf, -math.inf, 10**400, (1, 2), b"x", {1: 2}, np.float32(1), np.ones(3), object()]


def layer_models():
    """(what it is, model) for each row of the layers' tables."""
    from tests.layers import test_every_layer
    from tests.layers.preprocessing import test_categories

    for case in test_every_layer.CASES:
        shapes = case.shape if isinstance(case.shape, list) else [case.shape]
        inputs = [keras.Input(shape[1:]) for shape in shapes]
        more = {name: keras.Input(shape[1:]) for name, shape in case.more.items()}
        layer = test_every_layer.make(case)
        if case.name == "InputLayer":
            continue
        yield (
            case.name,
            keras.Model(
                [*inputs, *more.values()], layer(inputs if isinstance(case.shape, list) else inputs[0], **more)
            ),
        )
        if len(inputs) == 1 and not more:
            layers = [keras.Input(shapes[0][1:]), test_every_layer.make(case), keras.layers.Flatten()]
            yield f"stack of {case.name}", keras.Sequential([*layers, keras.layers.Dense(2)])
    for case in test_categories.CASES:
        x = np.asarray(case.x)
        if case.name == "HashedCrossing":
            inputs = [keras.Input((), dtype="string") for _ in case.x]
        else:
            inputs = keras.Input(x.shape[1:], dtype="string" if x.dtype.kind == "U" else x.dtype)
        yield case.name, keras.Model(inputs, getattr(keras.layers, case.name)(**case.config)(inputs))


def members(package, base):
    """The classes of a package that can be made without arguments, or are rows of its table."""
    found = {}
    for name in dir(package):
        cls = getattr(package, name)
        if isinstance(cls, type) and issubclass(cls, base) and cls is not base and cls.__name__ == name:
            try:
                found[name] = cls()
            except (TypeError, ValueError):
                continue
    return found


def part_models():
    """(what it is, description of a model) for everything that stands inside a layer or in what compile receives."""
    from tests.losses.table import CASES as LOSSES
    from tests.metrics.table import CASES as METRICS

    dense = serialize_keras_object(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))

    def with_part(key, value):
        changed = json.loads(json.dumps(dense))
        changed["config"]["layers"][1]["config"][key] = value
        return changed

    def compiled(**parts):
        return {**dense, "compile_config": {"optimizer": "sgd", "loss": "mse", **parts}}

    initializers = members(keras.initializers, keras.initializers.Initializer)
    for name, made in initializers.items():
        yield name, with_part("kernel_initializer", serialize_keras_object(made))
    yield "Constant", with_part("kernel_initializer", serialize_keras_object(keras.initializers.Constant([[1.0, 2.0]])))
    for name, made in members(keras.regularizers, keras.regularizers.Regularizer).items():
        yield name, with_part("kernel_regularizer", serialize_keras_object(made))
    for name, made in members(keras.constraints, keras.constraints.Constraint).items():
        yield name, with_part("kernel_constraint", serialize_keras_object(made))
    for name, case in LOSSES.items() if isinstance(LOSSES, dict) else enumerate(LOSSES):
        yield f"loss {name}", compiled(loss=serialize_keras_object(case.cls(**case.arguments)))
    for name, case in METRICS.items():
        yield f"metric {name}", compiled(metrics=[serialize_keras_object(case.cls(**case.arguments))])
    for name, made in members(keras.optimizers, keras.optimizers.Optimizer).items():
        yield f"optimizer {name}", compiled(optimizer=serialize_keras_object(made))
    schedules = keras.optimizers.schedules
    for schedule in (
        schedules.CosineDecay(0.1, 5, warmup_target=0.2, warmup_steps=3), schedules.CosineDecayRestarts(0.1, 5), schedules.ExponentialDecay(0.1, 5, 0.9),
        schedules.InverseTimeDecay(0.1, 5, 0.5), schedules.PiecewiseConstantDecay([2, 4], [0.1, 0.2, 0.3]), schedules.PolynomialDecay(0.1, 5),
    ):  # fmt: skip
        yield type(schedule).__name__, compiled(optimizer=serialize_keras_object(keras.optimizers.SGD(schedule)))
    yield (
        "compile",
        compiled(
            loss_weights=[1.0], weighted_metrics=["mse"], run_eagerly=False, steps_per_execution=2, jit_compile="auto"
        ),
    )


def descriptions():
    """(what it is, description) of every model."""
    for name, model in layer_models():
        stored = serialize_keras_object(model)
        yield name, json.loads(json.dumps(stored))
    for name, stored in part_models():
        yield name, json.loads(json.dumps(stored))


def places(tree, path=()):
    """Each place that holds a value, below "config" and "compile_config"."""
    if path:
        yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*path, key))


def is_count(tree, path):
    """Whether a number stands there, or what may be one."""
    for key in path:
        tree = tree[key]
    return path[-1] not in ("name", "registered_name", "seed") and (tree is None or type(tree) in (int, list))


def replaced(tree, path, value):
    if not path:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = replaced(tree[path[0]], path[1:], value)
    return copy


def known_classes():
    return {"Sequential": keras.Sequential, "Functional": keras.Model}


def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def attempt(make):
    """What is wrong with what came of it, in words, or None."""
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
    before, start, wrong = peak(), time.perf_counter(), None
    try:
        make()
    except keras.errors.AutonetError as error:
        if "MemoryError" in str(error) or "RecursionError" in str(error):
            wrong = str(error)[:300]
    except Exception as error:
        wrong = f"{type(error).__name__}: {str(error)[:200]}"
    seconds, taken = time.perf_counter() - start, peak() - before
    if seconds > SECONDS:
        wrong = f"{seconds:.1f} s {wrong or ''}"
    if taken > MEMORY:
        wrong = f"{taken >> 20} MiB {wrong or ''}"
    return wrong


def drawn(rng, stored):
    """Without end: (what, description, place, value), as often a number's place as any."""
    rows = [(name, d, list(places(d))) for name, d in stored]
    rows = [(name, d, everywhere, [path for path in everywhere if is_count(d, path)]) for name, d, everywhere in rows]
    numbers = [value for value in VALUES if type(value) in (int, list)]
    while True:
        name, description, everywhere, counts = rng.choice(rows)
        if rng.random() < 0.5 and counts:
            yield name, description, rng.choice(counts), rng.choice(numbers)
        else:
            yield name, description, rng.choice(everywhere), rng.choice([*VALUES, *BEYOND_JSON])


def harms(seconds=10.0, seed=0):
    """(what, where, value, what is wrong) of as many replaced values as the time allows, in an order drawn from `seed`."""
    stored = list(descriptions())
    open_rooms()
    faults.FRESH = 64 << 20  # so that larger things are noticed
    resource.setrlimit(resource.RLIMIT_AS, (int(open("/proc/self/statm").read().split()[0]) * 4096 + ROOM,) * 2)
    end, count, found = time.perf_counter() + seconds, 0, []
    for name, description, path, value in drawn(random.Random(seed), stored):
        if time.perf_counter() > end:
            break
        count += 1
        config = replaced(description, path, value)
        ways = {}
        if not any(value is v for v in BEYOND_JSON):
            text = json.dumps(config)
            ways["json"] = lambda text=text: keras.models.model_from_json(text)
        if path[0] == "config":
            cls = known_classes()[description["class_name"]]
            ways["from_config"] = lambda cls=cls, config=config: cls.from_config(config["config"])
        else:
            ways["deserialize"] = lambda config=config: keras.saving.deserialize_keras_object(config)
        for way, make in ways.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wrong = attempt(make)
            if wrong:
                found.append((way, name, path, repr(value)[:60], wrong))
    return count, found


if __name__ == "__main__":
    count, found = harms(*map(float, sys.argv[1:3]))
    for row in found:
        print(*row, sep=" | ")
    print(f"{count} values replaced, {len(found)} harms", file=sys.stderr)
    os._exit(bool(found))

"""How models nest what they give: cases that Keras and autonet run alike, described in words that compare.

`tests/golden/record_structures.py` runs this with Keras, test_structures.py with autonet.
"""

import tempfile
from pathlib import Path

import numpy as np

X = np.ones((4, 3), "float32")

OUTPUTS = {  # of three layers a, b, c
    "a": lambda a, b, c: a,
    "[a]": lambda a, b, c: [a],
    "(a,)": lambda a, b, c: (a,),
    "{p: a}": lambda a, b, c: {"p": a},
    "[a, b]": lambda a, b, c: [a, b],
    "(a, b)": lambda a, b, c: (a, b),
    "{q: a, p: b}": lambda a, b, c: {"q": a, "p": b},
    "[[a]]": lambda a, b, c: [[a]],
    "[(a, b)]": lambda a, b, c: [(a, b)],
    "[a, [b]]": lambda a, b, c: [a, [b]],
    "[a, [b, c]]": lambda a, b, c: [a, [b, c]],
    "{p: [a]}": lambda a, b, c: {"p": [a]},
    "{p: [a, b], q: c}": lambda a, b, c: {"p": [a, b], "q": c},
    "[{p: a}, b]": lambda a, b, c: [{"p": a}, b],
    "{p: {q: a}}": lambda a, b, c: {"p": {"q": a}},
}
CALLS = {  # what the call of a subclass gives
    "called [a]": lambda a: [a],
    "called (a,)": lambda a: (a,),
    "called {p: a}": lambda a: {"p": a},
    "called [a, [a]]": lambda a: [a, [a]],
}


def described(tree):
    """A tree with each array replaced by its shape."""
    if isinstance(tree, dict):
        return {str(k): described(v) for k, v in tree.items()}
    if isinstance(tree, tuple) and all(n is None or isinstance(n, int) for n in tree):
        return "shape " + str(tree)
    if isinstance(tree, (list, tuple)):
        return [type(tree).__name__, *map(described, tree)]
    if isinstance(tree, (int, float)):
        return "number"
    return f"array {tuple(tree.shape)}"


def leaves(tree):
    """Arrays in the order of sorted keys."""
    if isinstance(tree, dict):
        return [leaf for k in sorted(tree) for leaf in leaves(tree[k])]
    return [leaf for v in tree for leaf in leaves(v)] if isinstance(tree, (list, tuple)) else [tree]


def mapped(f, tree):
    if isinstance(tree, dict):
        return {k: mapped(f, v) for k, v in tree.items()}
    return type(tree)([mapped(f, v) for v in tree]) if isinstance(tree, (list, tuple)) else f(tree)


def attempt(f):
    try:
        return f()
    except Exception:
        return "error"


def trained(model, loss, y):
    """Names of the logs, and what evaluate gives."""
    model.compile("sgd", loss)
    logs = sorted({*model.fit(X, y, verbose=0).history} - {"learning_rate"})
    return [logs, described(model.evaluate(X, y, verbose=0)), sorted(model.evaluate(X, y, verbose=0, return_dict=True))]


def made(keras, outputs):
    i = keras.Input((3,), name="i")
    layers = [keras.layers.Dense(n + 1, name=name)(i) for n, name in enumerate("abc")]
    return keras.Model(i, outputs(*layers))


def of_outputs(keras, outputs):
    """What a functional model with these outputs gives, by question."""
    model = made(keras, outputs)
    y = mapped(lambda v: np.ones(tuple(v.shape), "float32"), model(X))
    losses = mapped(lambda v: "mse", y)

    def saved():
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder) / "model.keras")
            return keras.models.load_model(Path(folder) / "model.keras")(X)

    asked = {
        "call": lambda: described(model(X)),
        "predict": lambda: described(model.predict(X, verbose=0)),
        "predict_on_batch": lambda: described(model.predict_on_batch(X)),
        "output": lambda: described(model.output),
        "outputs": lambda: described(model.outputs),
        "output_shape": lambda: described(model.output_shape),
        "output_names": lambda: list(model.output_names),
        "saved": lambda: described(saved()),
        "cloned": lambda: described(keras.models.clone_model(model)(X)),
        "from_config": lambda: described(keras.Model.from_config(model.get_config())(X)),
        "one loss": lambda: trained(made(keras, outputs), "mse", y),
        "loss for each": lambda: trained(made(keras, outputs), ["mse"] * len(leaves(y)), y),
        "losses nested": lambda: trained(made(keras, outputs), losses, y),
        "targets in a row": lambda: trained(made(keras, outputs), "mse", leaves(y)),
    }
    if not isinstance(model.output, dict):
        names = list(model.output_names)
        by_name = dict(zip(names, leaves(y), strict=True))
        asked["losses by name"] = lambda: trained(made(keras, outputs), dict.fromkeys(names, "mse"), y)
        asked["targets by name"] = lambda: trained(made(keras, outputs), dict.fromkeys(names, "mse"), by_name)
    return {question: attempt(f) for question, f in asked.items()}


def of_calls(keras, call):
    """What a subclassed model whose call gives this gives, by question."""

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return call(self.dense(x))

    return {
        "call": attempt(lambda: described(Own()(X))),
        "predict": attempt(lambda: described(Own().predict(X, verbose=0))),
        "predict_on_batch": attempt(lambda: described(Own().predict_on_batch(X))),
    }


def of_inputs(keras):
    """What functional models say of their inputs, and how they take data."""
    found = {}
    for name, nest, data in [
        ("i", lambda i, j: i, X),
        ("[i]", lambda i, j: [i], X),
        ("[i] on a list", lambda i, j: [i], [X]),
        ("{k: i}", lambda i, j: {"k": i}, {"k": X}),
        ("{i: i} on an array", lambda i, j: {"i": i}, X),
        ("[i, j]", lambda i, j: [i, j], [X, X]),
        ("[i, j] on names", lambda i, j: [i, j], {"i": X, "j": X}),
        ("{i: i, j: j}", lambda i, j: {"i": i, "j": j}, {"i": X, "j": X}),
        ("[[i], j]", lambda i, j: [[i], j], [[X], X]),
        ("[i, {j: j}]", lambda i, j: [i, {"j": j}], [X, {"j": X}]),
    ]:
        i, j = keras.Input((3,), name="i"), keras.Input((3,), name="j")
        both = len(leaves(data)) == 2
        model = keras.Model(nest(i, j), keras.layers.Dense(1)(keras.layers.Add()([i, j]) if both else i))
        asked = {
            "input": lambda model=model: described(model.input),
            "inputs": lambda model=model: described(model.inputs),
            "input_shape": lambda model=model: described(model.input_shape),
            "call": lambda model=model, data=data: described(model(data)),
            "predict": lambda model=model, data=data: described(model.predict(data, verbose=0)),
        }
        found[f"inputs {name}"] = {question: attempt(f) for question, f in asked.items()}
    return found


def run(keras):
    """All of it, by case and question."""
    return {
        **{name: of_outputs(keras, outputs) for name, outputs in OUTPUTS.items()},
        **{name: of_calls(keras, call) for name, call in CALLS.items()},
        **of_inputs(keras),
    }

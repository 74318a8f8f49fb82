"""Pictures of models and of records: what is in them, that they are sound XML, and that drawing changes nothing."""

import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras
from autonet import Tensor, layers, ops
from autonet.errors import ArgumentError, GradientError
from autonet.pictures.diagram import Box, Diagram, draw
from autonet.pictures.models import MOST, Shown, diagram_of
from autonet.pictures.picture import Picture
from autonet.pictures.records import _by_node, record_diagram
from autonet.pictures.scene import Rect, Text, text_width
from autonet.utils import plot_graph, plot_model
from autonet.utils.naming import unique_name
from tests.share import share

SVG = "{http://www.w3.org/2000/svg}"


def words(svg):
    """All texts of an SVG."""
    return [x.text for x in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def wires(diagram):
    """Lines by the titles at their ends."""
    return sorted((diagram.boxes[a].title, diagram.boxes[b].title) for a, b in diagram.edges)


def branching():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(3, activation="relu", name="shared")
    return keras.Model([a, b], layers.Dense(1, name="out")(shared(a) * 2 + shared(b)), name="branching")


class Block(keras.Model):
    def __init__(self):
        super().__init__(name="block")
        self.first, self.second = layers.Dense(4, name="first"), layers.Dense(4, name="second")
        self.calls = self.add_weight((), "zeros", trainable=False)

    def call(self, x):
        self.calls.assign_add(1)
        self.last = x
        return x + self.second(ops.relu(self.first(x)))


class Looking(Block):
    def call(self, x):
        return self.first(x) if float(ops.sum(x)) > 0 else self.second(x)


# Models


def test_a_stack():
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3, activation="tanh"), layers.Dropout(0.5)])
    assert wires(diagram_of(model, Shown())) == [("Dense", "Dropout"), ("InputLayer", "Dense")]
    told = words(plot_model(model, None, True, True, True, show_layer_activations=True, show_trainable=True).svg)
    for word in ("(None, 4) → (None, 3)", "activation tanh", "trainable", "float32", model.layers[0].name):
        assert word in told
    model.trainable = False
    assert "frozen" in words(plot_model(model, None, show_trainable=True).svg)
    assert words(plot_model(model, None).svg) == ["InputLayer", "Dense", "Dropout"]


def test_a_stack_without_shapes():
    model = keras.Sequential([layers.Dense(3), layers.Dense(2)])
    assert wires(diagram_of(model, Shown(shapes=True))) == [("Dense", "Dense")]
    assert keras.Sequential()._repr_svg_() is None


def test_branches_and_shared_layers():
    diagram = diagram_of(branching(), Shown(names=True, shapes=True))
    assert wires(diagram) == [
        ("Dense", "add"),
        ("Dense", "multiply"),
        ("InputLayer", "Dense"),
        ("InputLayer", "Dense"),
        ("add", "Dense"),
        ("multiply", "add"),
    ]
    told = [line for box in diagram.boxes for line in box.lines]
    assert {"call 1 of 2", "call 2 of 2", "a", "b", "shared"} <= set(told)
    assert "(None, 3) (None, 3) → (None, 3)" in told


def test_a_layer_called_on_its_own_output():
    x = keras.Input((4,))
    dense = layers.Dense(4)
    diagram = diagram_of(keras.Model(x, dense(dense(x))), Shown())
    assert [box.lines for box in diagram.boxes[1:]] == [["call 1 of 2"], ["call 2 of 2"]]


@pytest.mark.parametrize("expand", [False, True])
def test_models_inside(expand):
    inner = keras.Sequential([layers.Input((4,)), layers.Dense(4, name="deep")], name="inner")
    x = keras.Input((4,))
    model = keras.Model(x, Block()(inner(x)))
    told = words(plot_model(model, None, expand_nested=expand, show_layer_names=True).svg)
    assert ("deep" in told and "relu" in told) == expand
    assert "inner" in told and "block" in told


def test_a_subclass_is_drawn_by_its_call_and_stays_as_it_was():
    model = Block()
    model(np.ones((2, 4), "float32"))
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 4), "float32"), np.ones((2, 4), "float32"), verbose=0)
    before, number = {k: id(v) for k, v in model.__dict__.items()}, unique_name("probe")
    calls, weights = float(model.calls.value), model.get_weights()
    diagram = diagram_of(model, Shown(names=True))
    assert wires(diagram) == [
        ("Dense", "add"),
        ("Dense", "relu"),
        ("InputLayer", "Dense"),
        ("InputLayer", "add"),
        ("relu", "Dense"),
    ]
    assert {k: id(v) for k, v in model.__dict__.items()} == before
    assert float(model.calls.value) == calls
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))
    assert unique_name("probe") == f"{number}_1"
    with pytest.raises(AttributeError, match="no input yet"):
        _ = model.first.input


def test_a_subclass_that_looks_at_values_shows_its_layers():
    model = Looking()
    model(np.ones((2, 4), "float32"))
    assert wires(diagram_of(model, Shown())) == []
    assert "how these are connected, call() alone knows" in words(model._repr_svg_())
    assert words(Looking()._repr_svg_())[1:] == ["Dense", "first", "Dense", "second"]  # not built yet


def test_several_inputs_of_a_subclass():
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.join = layers.Concatenate()

        def call(self, inputs):
            return self.join([inputs["a"], inputs["b"]])

    model = Two()
    model({"a": np.ones((2, 3), "float32"), "b": np.ones((2, 4), "float32")})
    diagram = diagram_of(model, Shown(shapes=True))
    assert wires(diagram) == [("InputLayer", "Concatenate")] * 2
    assert diagram.boxes[-1].lines == ["(None, 3) (None, 4) → (None, 7)"]
    assert {"a", "b"} <= set(words(model._repr_svg_()))


def test_a_long_model_is_cut():
    x = y = keras.Input((2,))
    for _ in range(MOST + 50):
        y = layers.ReLU()(y)
    diagram = diagram_of(keras.Model(x, y), Shown())
    assert len(diagram.boxes) == MOST + 1 and diagram.boxes[-1].title == "… and 51 more"


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
def test_directions(rankdir):
    scene = draw(diagram_of(branching(), Shown()), rankdir)
    flat, back = rankdir in ("LR", "RL"), rankdir in ("BT", "RL")
    titles = {t.text: (t.x if flat else t.y) for t in scene.items if isinstance(t, Text)}
    assert (titles["InputLayer"] < titles["multiply"] < titles["add"]) != back


@pytest.mark.extra("plot")
def test_files(tmp_path):
    model = branching()
    picture = plot_model(model, tmp_path / "m.svg", show_shapes=True)
    assert (tmp_path / "m.svg").read_text(encoding="utf-8") == picture.svg == picture._repr_svg_()
    assert "branching" in repr(picture)
    sizes = []
    for dpi in (50, 100):
        plot_model(model, tmp_path / "m.png", dpi=dpi)
        data = (tmp_path / "m.png").read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        sizes.append(int.from_bytes(data[16:20], "big"))
    assert sizes[1] == pytest.approx(2 * sizes[0], abs=2)
    plot_model(model, tmp_path / "m.pdf")
    assert (tmp_path / "m.pdf").read_bytes().startswith(b"%PDF")


def test_misuse(tmp_path, monkeypatch):
    with pytest.raises(ArgumentError, match="plot_model expects a model"):
        plot_model(layers.Dense(2))
    with pytest.raises(ArgumentError, match="rankdir to be one of TB"):
        plot_model(branching(), None, rankdir="XY")
    with pytest.raises(ArgumentError, match=r"written as \.svg, \.png or \.pdf"):
        plot_model(branching(), tmp_path / "m.bmp")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ArgumentError, match=r"needs matplotlib: pip install matplotlib .* as SVG: 'model.svg'"):
        plot_model(branching())


# Records


def record(tensor, names=None, limit=120):
    return record_diagram(tensor, _by_node(names), limit)


def test_the_record_of_an_expression():
    x, w = (Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    diagram = record(ops.sum(ops.sin(x) * w / 2), {"x": x, "w": w})
    assert wires(diagram) == [
        ("2", "divide"),
        ("divide", "sum"),
        ("multiply", "divide"),
        ("sin", "multiply"),
        ("w", "multiply"),
        ("x", "sin"),
    ]
    shapes = {box.title: box.lines for box in diagram.boxes}
    assert shapes["sum"] == ["()"] and shapes["sin"] == ["(2,)"] and shapes["x"] == ["(2,)"]


def test_weights_are_named():
    dense = layers.Dense(3, name="hidden")
    loss = ops.mean(dense(np.ones((5, 4), "float32")) ** 2)
    for names in (dense, dense.weights):
        titles = [box.title for box in record(loss, names).boxes]
        assert "hidden/kernel" in titles and "hidden/bias" in titles and "constant (5, 4)" in titles
    assert [box.title for box in record(loss).boxes].count("leaf") == 2


def test_operations_with_several_results():
    x = Tensor(np.ones((4, 6), "float32"), requires_grad=True)
    a, b = ops.split(x, 2, axis=1)
    diagram = record(a * b, {"x": x})
    assert sorted(set(wires(diagram))) == [("split", "multiply"), ("x", "split")]
    assert wires(record(a, {"x": x})) == [("x", "split")]


def test_a_leaf_that_many_use_stands_beside_each():
    w = Tensor(np.eye(2), requires_grad=True)
    h = w
    for _ in range(6):
        h = ops.tanh(h @ w)
    assert [box.title for box in record(h, {"w": w}).boxes].count("w") == 7


def test_large_records_are_cut():
    x = Tensor([1.0], requires_grad=True)
    y = x
    for _ in range(3000):
        y = ops.sin(y)
    diagram = record(y, limit=50)
    assert len(diagram.boxes) == 51 and diagram.boxes[0].title == "… 2,951 before"


def test_a_record_that_was_freed():
    x = Tensor([1.0], requires_grad=True)
    y = ops.sin(x) * x
    y.backward()
    assert wires(record(y)) == [("freed by backward()", "multiply")]


def test_placeholders_and_misuse():
    x = keras.Input((3,), name="x")
    assert "(None, 3) → (None, 2)" in words(plot_graph(layers.Dense(2)(x)).svg)
    with pytest.raises(GradientError, match="no record behind this Tensor"):
        plot_graph(Tensor([1.0]))
    with pytest.raises(ArgumentError, match="expects a Tensor"):
        plot_graph(3.0)
    t = Tensor([1.0], requires_grad=True)
    with pytest.raises(ArgumentError, match="names as a dictionary"):
        plot_graph(t * 2, [t])
    with pytest.raises(ArgumentError, match="rankdir"):
        plot_graph(t * 2, rankdir="up")


def test_a_leaf_alone():
    assert words(plot_graph(Tensor([1.0], requires_grad=True)).svg) == ["leaf", "(1,)"]


# Drawings


@share(3)
@given(st.lists(st.text(max_size=70), min_size=1, max_size=4))
def test_any_words_make_sound_xml(texts):
    svg = Picture(draw(Diagram([Box(text or "x", texts, hover=text) for text in texts])), texts[0]).svg
    root = ElementTree.fromstring(svg)
    assert {x.tag.removeprefix(SVG) for x in root.iter()} <= {"svg", "g", "rect", "text", "path", "polygon", "title"}
    assert all(not key.startswith("on") for x in root.iter() for key in x.attrib)


def test_words_fit_their_boxes():
    scene = draw(diagram_of(branching(), Shown(shapes=True, dtype=True, names=True)))
    rects = [r for r in scene.items if isinstance(r, Rect)]
    for text in (t for t in scene.items if isinstance(t, Text)):
        half = text_width(text.text, text.size, text.bold, text.mono) / 2
        assert any(
            r.x <= text.x - half and text.x + half <= r.x + r.width and r.y < text.y < r.y + r.height for r in rects
        )


def test_nothing_is_loaded_before_a_picture_is_wanted():
    code = (
        "import sys, autonet; autonet.utils, autonet.Sequential([autonet.layers.Dense(2)]);"
        "print([m for m in sys.modules if 'pictures' in m])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
    assert {"plot_model", "plot_graph"} <= set(dir(keras.utils))

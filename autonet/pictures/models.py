"""Pictures of models: a box for each call of a layer or operation, and which leads to which."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from autonet.common.trees import flatten, flatten_with_path, pack
from autonet.common.types import Model, PathLike
from autonet.errors import ArgumentError
from autonet.layers.base import Layer
from autonet.layers.inference import placeholders
from autonet.layers.input import InputLayer, origin_of
from autonet.layers.symbolic import FunctionOperation, KerasTensor, LayerCall
from autonet.ops.abstract import DRY_RUN_ERRORS
from autonet.pictures.diagram import LONGEST, Box, Diagram, draw
from autonet.pictures.picture import Picture
from autonet.training.trainer import Trainer
from autonet.utils.naming import numbers_kept

DIRECTIONS = ("TB", "BT", "LR", "RL")
MOST = 400  # boxes of one picture


@dataclass(frozen=True)
class Shown:
    """What a picture tells of each layer: the arguments of `plot_model`."""

    shapes: bool = False
    dtype: bool = False
    names: bool = False
    expand: bool = False
    activations: bool = False
    trainable: bool = False


def plot_model(
    model: Model,
    to_file: PathLike | None = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Picture:
    """A picture of a model, written to a file and returned. It needs no Graphviz.

    A box is one call of a layer: a layer that is called twice has two, numbered. A subclassed model is drawn by its
    `call`, if that works on placeholders; otherwise its layers stand below each other without lines.

    Args:
        model: a model.
        to_file: where to write: .svg; or with the extra `plot` (matplotlib) .png or .pdf; None writes nothing.
        show_shapes: the shapes that go in and come out.
        show_dtype: the same for dtypes.
        show_layer_names: the layers' names.
        rankdir: where lines lead: "TB" down, "BT" up, "LR" to the right, "RL" to the left.
        expand_nested: draw what is inside models that stand inside.
        dpi: resolution of a PNG.
        show_layer_activations: the activation of layers that have one.
        show_trainable: whether training moves the weights, for layers that have some.
        splines: a hint without effect; lines are curves.

    Returns: the Picture, which Jupyter shows.

    Raises: ArgumentError for what is no model, another rankdir, and a file that cannot be written so.
    """
    if not isinstance(model, Trainer):
        raise ArgumentError(f"plot_model expects a model; received {model!r}.")
    if rankdir not in DIRECTIONS:
        raise ArgumentError(f"plot_model expects rankdir to be one of {', '.join(DIRECTIONS)}; received {rankdir!r}.")
    shown = Shown(show_shapes, show_dtype, show_layer_names, expand_nested, show_layer_activations, show_trainable)
    picture = Picture(draw(diagram_of(model, shown), rankdir), f"{model.label}")
    if to_file is not None:
        picture.save(to_file, dpi)
    return picture


def picture_of(model: Any) -> Picture | None:
    """What Jupyter shows for a model: shapes and names; None for a model that has no layers."""
    diagram = diagram_of(model, Shown(shapes=True, names=True))
    return Picture(draw(diagram), model.label) if diagram.boxes else None


def diagram_of(model: Any, shown: Shown, around: LayerCall | None = None) -> Diagram:
    """The boxes of a model; `around` is the call of it in the model outside."""
    if model._graph is not None:
        return graph_diagram(model._graph.nodes, shown)
    nodes = _behind(model.__dict__.get("_symbols", ())) or _traced(model, around)
    if nodes:
        return graph_diagram(nodes, shown)
    layers = list(getattr(model, "_layers", None) or model.layers)
    boxes = [_box(layer, None, shown, "") for layer in layers[:MOST]]
    if hasattr(model, "_layers"):  # a stack that has seen no data yet
        return Diagram(boxes, edges=[(i - 1, i) for i in range(1, len(boxes))])
    if boxes:
        boxes.insert(0, Box("how these are connected, call() alone knows", kind="note"))
    return Diagram(boxes, unseen=[(i - 1, i) for i in range(1, len(boxes))])


def graph_diagram(nodes: Iterable[LayerCall], shown: Shown) -> Diagram:
    """Boxes and lines for these calls, first ones first."""
    nodes = sorted(nodes, key=lambda node: (bool(node.inputs), node.number))
    left_out = len(nodes) - MOST
    calls: dict[int, list[LayerCall]] = {}
    for node in nodes:
        calls.setdefault(id(node.op), []).append(node)
    nodes = nodes[:MOST]
    numbers = {node: i for i, node in enumerate(nodes)}
    diagram = Diagram()
    for node in nodes:
        several = calls[id(node.op)]
        note = f"call {several.index(node) + 1} of {len(several)}" if len(several) > 1 else ""
        diagram.boxes.append(_box(node.op, node, shown, note))
        diagram.edges += [(numbers[origin_of(x)[0]], numbers[node]) for x in node.inputs]
    if left_out > 0:
        diagram.boxes.append(Box(f"… and {left_out:,} more", kind="note"))
        diagram.edges.append((MOST - 1, MOST))
    return diagram


def _behind(tensors: Iterable[Any]) -> list[LayerCall]:
    """The calls that these placeholders come from, with all calls before those."""
    stack = [origin_of(x)[0] for x in flatten(list(tensors)) if isinstance(x, KerasTensor)]
    found: set[LayerCall] = set()
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += [origin_of(x)[0] for x in node.inputs]
    return list(found)


def _traced(model: Any, around: LayerCall | None) -> list[LayerCall] | None:
    """The calls that the `call` of a subclass makes on placeholders; None where that does not work.

    The model, its state and the numbers of automatic names are left as they were.
    """
    if not model.built or hasattr(model, "_layers"):
        return None
    if around is not None:
        args: Any = list(around.args)
        kwargs = dict(around.kwargs)
    else:
        args = [placeholders(s, "float32") for s in list((model.__dict__.get("_Layer__built_with") or {}).values())[:1]]
        kwargs = {}
    if not args:
        return None
    attributes = dict(model.__dict__)
    values = [(v, v._array) for v in [*model.variables, *model.metrics_variables]]
    with numbers_kept():
        try:
            args, kwargs = pack([args, kwargs], [_fresh(*leaf) for leaf in flatten_with_path([args, kwargs])])
            return _behind([args, kwargs, model.call(*args, **kwargs)])
        except DRY_RUN_ERRORS:  # whatever the user's own Python does not do on placeholders
            return None
        finally:
            model.__dict__.clear()
            model.__dict__.update(attributes)
            for v, array in values:
                v._array = array


def _fresh(path: tuple[Any, ...], x: Any) -> Any:
    """A placeholder like `x` from an Input of its own; anything else as it is."""
    name = path[-1] if isinstance(path[-1], str) else "input"
    if not isinstance(x, KerasTensor):
        return x
    return InputLayer(batch_shape=(None, *x.shape[1:]), dtype=x.dtype, name=name).output


# One box


def _box(op: Any, node: LayerCall | None, shown: Shown, note: str) -> Box:
    if isinstance(op, FunctionOperation):
        lines = [op.name] if shown.names else []
        return Box(op.word, [*lines, *_signature(node, shown)], "operation", hover=op.name)
    weights = op.weights if isinstance(op, Layer) else []
    lines = [op.name] if shown.names else []
    if note:
        lines.append(note)
    activation = getattr(op, "activation", None)
    if shown.activations and activation is not None:
        lines.append(f"activation {getattr(activation, '__name__', None) or getattr(activation, 'name', '')}")
    if shown.trainable and weights:
        lines.append("trainable" if op.trainable else "frozen")
    lines += _signature(node, shown)
    kind = "input" if isinstance(op, InputLayer) else "weights" if weights else "plain"
    count = sum(v.size for v in weights)
    box = Box(type(op).__name__, lines, kind, hover=f"{op.name}: {count:,} parameters")
    if shown.expand and isinstance(op, Trainer):
        inside = diagram_of(op, shown, node)
        box.inside = inside if inside.boxes else None
    return box


def _signature(node: LayerCall | None, shown: Shown) -> list[str]:
    """The shapes and dtypes of a call: in one line where that is short."""
    if node is None:
        return []
    lines: list[str] = []
    before, after = [str(x.shape) for x in node.inputs], " ".join([str(x.shape) for x in node.specs])
    if shown.shapes:
        line = " ".join([*before, "→", after]) if before else after
        lines += [line] if len(line) <= LONGEST else [*before, f"→ {after}"]
    if shown.dtype:
        came, left = ([*dict.fromkeys([str(x.dtype) for x in xs])] for xs in (node.inputs, node.specs))
        lines.append(" ".join(left if came in ([], left) else [*came, "→", *left]))
    return lines

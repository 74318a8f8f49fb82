"""Graph: the layers and operations between some placeholders and others, as a list of calls.

A model that is given by `inputs` and `outputs` holds one. Its calls are prepared once: running the model goes down a flat
list, and costs no more than a stack of the same layers.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autonet.common.lines import warn
from autonet.common.trees import flatten, keys, map_structure, pack
from autonet.core.accumulate import cast
from autonet.core.state import state
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.base import Layer
from autonet.layers.input import InputLayer, Origin, origin_of
from autonet.layers.symbolic import FunctionOperation, KerasTensor, LayerCall
from autonet.models.tracing import cut, ordered, trace
from autonet.ops.identity import alias
from autonet.ops.shaping import expand_dims, squeeze


class _Slot:
    """In the arguments of a prepared call: the value of this number."""

    __slots__ = ("index",)

    def __init__(self, index: int):
        self.index = index


class _Ref:
    """In a graph on its way to a file: output `place` of record `record`."""

    def __init__(self, record: int, place: int):
        self.record, self.place = record, place


class Graph:
    """What stands between `inputs` and `outputs`, trees of KerasTensors.

    Args:
        inputs: the placeholders that values will be given for; where one is inside a larger graph, what comes before
            it is cut off.
        outputs: the placeholders that are asked for; a list of one is that one.
        label: of the model, for messages.

    Raises: ArgumentError for what are no placeholders, for outputs that need another input, and for two layers of one
    name.
    """

    def __init__(self, inputs: Any, outputs: Any, label: str = "The model"):
        for x, what in [(x, "inputs") for x in flatten(inputs)] + [(x, "outputs") for x in flatten(outputs)]:
            if not isinstance(x, KerasTensor):
                raise ArgumentError(
                    f"{label} expects {what} to be placeholders: what Input() returns, and what layers called on that "
                    f"return. Received {x!r}."
                )
        places = [origin_of(x) for x in flatten(inputs)]
        if len(set(places)) < len(places):
            raise ArgumentError(f"{label} was given one placeholder twice among its inputs {inputs}.")
        if any(not isinstance(node.op, InputLayer) for node, _ in places):
            inputs, outputs = cut(inputs, outputs, label)
        self.input, self.output = inputs, outputs
        self._settle(label)

    def _settle(self, label: str) -> None:
        """Find the nodes, order the operations, prepare the calls."""
        places = [origin_of(x) for x in flatten(self.input)]
        found, operations = trace(places, [origin_of(x) for x in flatten(self.output)], label)
        known = {node for node, _ in places}
        operations = {node.op: -1 for node, _ in places if node.op not in operations} | operations
        self.nodes: list[LayerCall] = sorted({*found, *known}, key=lambda node: node.number)
        self.operations = ordered(found, operations)
        self._check_names(label)
        self._indices: dict[LayerCall, int] = {}  # of each node among those of its operation
        counts: dict[int, int] = {}
        for node in self.nodes:
            self._indices[node] = counts.get(id(node.op), 0)
            counts[id(node.op)] = self._indices[node] + 1
        self._input_layers = [node.op for node, _ in places]
        self._prepare()

    def _check_names(self, label: str) -> None:
        for name, times in Counter([op.name for op in self.operations]).items():
            if times > 1:
                raise ArgumentError(
                    f"{label} has {times} layers named {name!r}. Give each a name of its own: Dense(3, name='first')."
                )

    # What is inside

    @property
    def layers(self) -> list[Layer]:
        """The layers, those far from the outputs first; Inputs count."""
        return [op for op in self.operations if isinstance(op, Layer)]

    def index(self, node: LayerCall) -> int:
        """Number of a node among those of its layer in this graph."""
        return self._indices[node]

    def history(self, x: KerasTensor) -> list[Any]:
        """Name of the layer, number of its call, place among what that returns: Keras's name for a placeholder."""
        node, place = origin_of(x)
        return [node.op.name, self._indices[node], place]

    @property
    def inputs(self) -> list[KerasTensor]:
        return flatten(self.input)

    @property
    def outputs(self) -> list[KerasTensor]:
        return flatten(self.output)

    @property
    def returned(self) -> Any:
        """What running it gives: the outputs as they were nested, but one of a list of one."""
        alone = isinstance(self.output, (list, tuple)) and len(self.output) == 1
        return self.output[0] if alone else self.output

    @property
    def input_shape(self) -> Any:
        return _shapes(self.inputs)

    @property
    def output_shape(self) -> Any:
        return _shapes(self.outputs)

    @property
    def input_names(self) -> list[str]:
        return [layer.name for layer in self._input_layers]

    @property
    def output_names(self) -> list[str]:
        return [origin_of(x)[0].op.name for x in flatten(self.output)]

    @property
    def is_stack(self) -> bool:
        """Whether it is one line of layers, each called once."""
        inner = [node for node in self.nodes if node.inputs]
        sources = [origin_of(node.inputs[0]) for node in inner]
        return (
            len(self.nodes) == len(inner) + 1
            and all(len(node.inputs) == 1 for node in inner)
            and len(set(sources)) == len(sources)
            and len(self.operations) == len(self.nodes)
        )

    # Running

    _plain: tuple | None = None  # shape and dtype of a sample, where there is one Input and all is known of it
    _line: list[Callable] | None = None  # the calls, where each takes what the one before returned

    def _prepare(self) -> None:
        slots: dict[Origin, int] = {origin_of(x): i for i, x in enumerate(flatten(self.input))}
        self._width = len(slots)
        inner = [node for node in self.nodes if not isinstance(node.op, InputLayer)]
        for node in inner:
            for place in range(len(node.specs)):
                slots[node, place] = self._width
                self._width += 1
        self._results = [slots[origin_of(x)] for x in flatten(self.output)]
        last = {slots[origin_of(x)]: i for i, node in enumerate(inner) for x in node.inputs}
        kept = set(self._results)
        self._calls = []
        for i, node in enumerate(inner):
            over = [s for s in sorted({slots[origin_of(x)] for x in node.inputs}) if last[s] == i and s not in kept]
            args, kwargs = (
                [_slotted(x, slots) for x in node.args],
                {k: _slotted(x, slots) for k, x in node.kwargs.items()},
            )
            function: Callable = node.op.function if isinstance(node.op, FunctionOperation) else node.op
            single = args[0].index if len(args) == 1 and type(args[0]) is _Slot and not kwargs else None
            slots_out = [slots[node, place] for place in range(len(node.specs))]
            out = slots_out[0] if slots_out and not isinstance(node.structure, (list, tuple, dict)) else None
            self._calls.append((function, single, args, kwargs, out, slots_out, over))
        self._find_fast_paths()

    def _find_fast_paths(self) -> None:
        """What makes a stack of layers, given by inputs and outputs, as fast as a Sequential."""
        if len(self._input_layers) == 1:
            first = self._input_layers[0]
            if first.dtype != "string" and None not in first.batch_shape[1:]:
                self._plain = first.batch_shape[1:], np.dtype(first.dtype)
        singles = [call[1] for call in self._calls]
        outs = [call[4] for call in self._calls]
        one = len(self._input_layers) == 1 and isinstance(self.returned, KerasTensor)
        chained = None not in singles and singles == [0, *outs[:-1]]
        if one and chained and self._results == outs[-1:]:
            self._line = [call[0] for call in self._calls]

    def run(self, values: list[Any], training: bool | None = None) -> Any:
        """The outputs, for the inputs as `enter` returned them.

        A call that was recorded with training=False stays in inference; with True, in training, unless `training` is False.
        """
        before = state.training
        if training is not None:
            state.training = training
        try:
            if self._line is not None:
                (x,) = values
                for function in self._line:
                    x = function(x)
                return x
            values += [None] * (self._width - len(values))
            for function, single, args, kwargs, out, slots, over in self._calls:
                if single is not None:
                    y = function(values[single])
                else:
                    named = {k: _filled(x, values) for k, x in kwargs.items()}
                    if training is not None and named.get("training"):
                        named["training"] = training
                    y = function(*[_filled(x, values) for x in args], **named)
                for s in over:
                    values[s] = None
                if out is not None:
                    values[out] = y
                else:
                    for s, t in zip(slots, [t for t in flatten(y) if isinstance(t, Tensor)], strict=True):
                        values[s] = t
        finally:
            state.training = before
        if isinstance(self.returned, KerasTensor):
            return values[self._results[0]]
        return pack(self.returned, [values[s] for s in self._results])

    def enter(self, inputs: Any, mask: Any, label: str) -> list[Any]:
        """What a model was called on as a list of Tensors, one for each input, of its shape and dtype.

        Raises: ArgumentError for missing inputs; ShapeError for misfits.
        """
        if type(inputs) is Tensor and self._plain is not None:
            given = inputs._value
            if given.shape[1:] == self._plain[0] and given.dtype == self._plain[1] and given.ndim:
                return [inputs] if mask is None else self._masked([inputs], mask)
        values = self.in_order(inputs, label)
        values = [self._fitted(x, layer, label) for x, layer in zip(values, self._input_layers, strict=True)]
        return values if mask is None else self._masked(values, mask)

    @staticmethod
    def _masked(values: list[Any], mask: Any) -> list[Any]:
        for i, m in enumerate(flatten(mask)):
            if m is not None and getattr(values[i], "_mask", None) is None:
                values[i] = alias(values[i])
                values[i]._mask = convert_to_tensor(m)
        return values

    def in_order(self, inputs: Any, label: str) -> list[Any]:
        """The leaves of what a model was called on, in the order of its inputs.

        They are nested as the inputs are, or come in a dictionary by the names of the Inputs, or in one list where the
        inputs have an order that does not depend on how dictionaries are sorted.

        Raises: ArgumentError for anything else.
        """
        wanted = self.input
        if isinstance(inputs, dict) and not (isinstance(wanted, dict) and wanted.keys() <= inputs.keys()):
            wanted = OrderedDict(zip(self.input_names, flatten(wanted), strict=True))
            if not wanted.keys() <= inputs.keys():
                expected = keys(self.input) if isinstance(self.input, dict) else self.input_names
                missing = next(key for key in expected if key not in inputs)
                raise ArgumentError(
                    f"{label} is missing its input {missing!r}: it expects the inputs {expected}; received {list(inputs)}."
                )
        leaves: list[Any] = []
        if self._gather(wanted, inputs, leaves, label):
            return leaves
        leaves = flatten(inputs)
        if len(leaves) != len(self._input_layers):
            raise ArgumentError(
                f"{label} expects {len(self._input_layers)} inputs, {self.input_names}; received {len(leaves)}. "
                "Pass a list in this order, or a dictionary by these names."
            )
        named = list(_dictionaries(self.input))
        if any(_dictionaries(inputs)) or any(keys(d) != sorted(d) or keys(d) != list(d) for d in named):
            raise ArgumentError(
                f"{label} expects inputs nested as {map_structure(lambda x: x.name, self.input)}; received "
                f"{map_structure(_outline, inputs)}. Which is which cannot be told: pass them as they are named."
            )
        if named and len(leaves) > 1:
            warn(f"{label} takes a dictionary of inputs; received a list, taken in the order {self.input_names}.")
        return leaves

    @classmethod
    def _gather(cls, wanted: Any, given: Any, leaves: list[Any], label: str) -> bool:
        """Append the leaves of `given` to `leaves`, in the order of `wanted`; False if they are nested otherwise."""
        if isinstance(wanted, dict):
            if not isinstance(given, dict) or not wanted.keys() <= given.keys():
                return False
            extra = [key for key in given if key not in wanted]
            if extra:
                warn(f"{label} has no input for {extra}; it has {keys(wanted)}. They are left out.")
            return all(cls._gather(wanted[key], given[key], leaves, label) for key in keys(wanted))
        if isinstance(wanted, (list, tuple)):
            if not isinstance(given, (list, tuple)) or len(given) != len(wanted):
                return False
            return all(cls._gather(w, g, leaves, label) for w, g in zip(wanted, given, strict=True))
        leaves.append(given)
        return not isinstance(given, (dict, list, tuple))

    def _fitted(self, x: Any, layer: InputLayer, label: str) -> Any:
        dtype = layer.dtype
        if x is None:
            if layer.optional:
                return None
            raise ArgumentError(f"{label} is missing its input {layer.name!r}, which is not optional.")
        if dtype == "string":
            excess = self._excess(np.shape(x), layer, label)
            x = x if isinstance(x, np.ndarray) else np.asarray(x)
            return x if not excess else x[..., 0] if excess > 0 else x[..., None]
        if not isinstance(x, Tensor):
            x = convert_to_tensor(x)
        given = x
        excess = self._excess(x.shape, layer, label)
        if excess:
            x = squeeze(x, axis=-1) if excess > 0 else expand_dims(x, axis=-1)
        if x.dtype != dtype:
            x = cast(x, dtype=dtype)
        if x is not given and getattr(given, "_mask", None) is not None:
            x._mask = given._mask
        return x

    def _excess(self, shape: tuple, layer: InputLayer, label: str) -> int:
        """Axes that an input has too many or too few: 0, or 1 or -1 where that axis has length one."""
        given = tuple(shape)
        expected = layer.batch_shape
        n = len(shape) - len(expected)
        if n == 1 and shape[-1] == 1:
            shape = shape[:-1]
        elif n == -1 and expected[-1] == 1:
            shape = (*shape, 1)
        if len(shape) == len(expected) and all(
            a is None or b is None or a == b for a, b in zip(expected[1:], shape[1:], strict=True)
        ):
            return n
        raise ShapeError(
            f"{label} expects its input {layer.name!r} to have shape {expected}; received {given}. "
            f"{reshaping(expected, given)}"
        )

    def fits(self, inputs: Any, label: str) -> bool:
        """Whether placeholders have exactly the declared shapes; ShapeError if they cannot be these inputs."""
        leaves = self.in_order(inputs, label)
        pairs = list(zip(leaves, self._input_layers, strict=True))
        for x, layer in pairs:
            if hasattr(x, "shape") and layer.dtype != "string":
                self._excess(tuple(x.shape), layer, label)
        return all(tuple(x.shape) == layer.batch_shape for x, layer in pairs if x is not None)

    # Copies

    def __getstate__(self) -> dict[str, Any]:
        """Flat records in place of the linked nodes: chains of any length can be copied and pickled."""
        numbers = {node: i for i, node in enumerate(self.nodes)}

        def ref(x: Any) -> Any:
            if not isinstance(x, KerasTensor):
                return x
            node, place = origin_of(x)
            return _Ref(numbers[node], place)

        records = [
            (n.op, *(map_structure(ref, t) for t in (list(n.args), n.kwargs)), n.spec_tree, n.names) for n in self.nodes
        ]
        return {
            "records": records,
            "inputs": map_structure(ref, self.input),
            "outputs": map_structure(ref, self.output),
        }

    def __setstate__(self, stored: dict[str, Any]) -> None:
        nodes: list[LayerCall] = []

        def tensor(x: Any) -> Any:
            return nodes[x.record].output(x.place) if isinstance(x, _Ref) else x

        for op, args, kwargs, specs, names in stored["records"]:
            args, kwargs = map_structure(tensor, args), map_structure(tensor, kwargs)
            nodes.append(LayerCall(op, tuple(args), kwargs, specs, names))
        self.input = map_structure(tensor, stored["inputs"])
        self.output = map_structure(tensor, stored["outputs"])
        self._settle("The model")


def _slotted(x: Any, slots: dict[Origin, int]) -> Any:
    """An argument with slots for placeholders; as it is if it holds none."""
    if isinstance(x, KerasTensor):
        return _Slot(slots[origin_of(x)])
    if any(isinstance(leaf, KerasTensor) for leaf in flatten(x)):
        return map_structure(lambda leaf: _slotted(leaf, slots), x)
    return x


def _filled(x: Any, values: list[Any]) -> Any:
    kind = type(x)
    if kind is _Slot:
        return values[x.index]
    if kind is list or kind is tuple:
        return kind([_filled(v, values) for v in x])
    if kind is dict:
        return {k: _filled(v, values) for k, v in x.items()}
    return x


def reshaping(expected: tuple, given: tuple) -> str:
    """What to do with an input of a shape that is not the expected one, whose first axis counts the samples."""
    if len(given) == len(expected) - 1 and all(a in (None, b) for a, b in zip(expected[1:], given, strict=True)):
        return "The first axis counts the samples, and one sample lacks it: pass x[None], or change the Input."
    return "The first axis counts the samples: reshape the data, or change the Input."


def _dictionaries(tree: Any) -> Iterator[dict]:
    """The dictionaries in a tree."""
    if isinstance(tree, dict):
        yield tree
    for branch in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (list, tuple)) else ():
        yield from _dictionaries(branch)


def _outline(x: Any) -> str:
    """An array in a message."""
    return f"{type(x).__name__} of shape {tuple(x.shape)}" if hasattr(x, "shape") else type(x).__name__


def _shapes(placeholders: list[KerasTensor]) -> Any:
    """The shape of one placeholder; of several a list, however they are nested."""
    shapes = [x.shape for x in placeholders]
    return shapes[0] if len(shapes) == 1 else shapes

"""What compile() received: losses and metrics, matched with the model's outputs."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Container, Mapping, Sequence
from typing import Any

from autonet import losses as losses_module
from autonet import metrics as metrics_module
from autonet import ops
from autonet.common.trees import flatten, flatten_with_path, keys
from autonet.common.types import TensorLike
from autonet.common.versions import Versioned
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DataError, unknown
from autonet.losses import Loss
from autonet.metrics import Mean, Metric
from autonet.metrics.accuracy import kind_of_answer

BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")  # names of metrics that the shapes make precise


def by_output(tree: Any, names: list[str], what: str) -> list[Any]:
    """The leaves that belong to the outputs `names`, from a dictionary by name, a list in order, or a single one.

    Where outputs are nested, a tree of their structure too, and a dictionary by the names of the layers behind them.
    """
    if isinstance(tree, (dict, list, tuple)) and isinstance(names, NestedNames):
        tree = names.flat(tree)
    if isinstance(tree, dict):
        for key in tree:
            if key not in names:
                raise unknown(f"output in {what}", key, names)
        return [tree.get(name) for name in names]
    if isinstance(tree, (list, tuple)):
        if len(tree) != len(names):
            raise ArgumentError(
                f"{what} expects one entry for each of the {len(names)} outputs {names}; received {len(tree)}."
            )
        return list(tree)
    return [tree] * len(names) if tree is None else _single(tree, names, what)


def _single(x: Any, names: list[str], what: str) -> list[Any]:
    if len(names) == 1:
        return [x]
    raise ArgumentError(
        f"{what} expects a list or dictionary for the {len(names)} outputs {names}; received "
        f"{'one array of shape ' + str(x.shape) if hasattr(x, 'shape') else repr(x)}."
    )


class NestedNames(list):
    """Names of outputs that are nested: the keys and indices that lead to each, the last of a list by its layer's name.

    As in Keras: [a, [b, c]] has a, 1/b and 1/c; {"p": [a, b], "q": c} has p/a, p/b and q.
    """

    def __init__(self, y_pred: Any, layers: list[str]):
        self.layers = layers
        self.paths = [path for path, _ in flatten_with_path(y_pred)]
        last = [
            path[-1] if isinstance(path[-1], str) else layer for path, layer in zip(self.paths, layers, strict=True)
        ]
        super().__init__("/".join(map(str, [*path[:-1], name])) for path, name in zip(self.paths, last, strict=True))

    def flat(self, tree: Any) -> Any:
        """A tree of the outputs' structure as a list; a dictionary by the layers' names as one by these; else itself.

        A dictionary's keys may be absent, or have None for all that is below them, or one entry if that is one output.
        """
        leaves = flatten_with_path(tree)
        if [path for path, _ in leaves] == self.paths:
            return [leaf for _, leaf in leaves]
        if isinstance(tree, dict) and (found := self._partly(leaves)) is not None:
            return found
        if isinstance(tree, dict) and not set(tree) <= set(self) and set(tree) <= set(self.layers):
            return {name: tree[layer] for name, layer in zip(self, self.layers, strict=True) if layer in tree}
        return tree

    def _partly(self, leaves: list[tuple[tuple, Any]]) -> list[Any] | None:
        """For each output the leaf on its path, None for those without; None if a leaf is on no output's path."""
        found: dict[int, Any] = {}
        for path, leaf in leaves:
            below = [i for i, own in enumerate(self.paths) if own[: len(path)] == path]
            if not below:
                return None
            if len(below) > 1 and leaf is not None:
                raise ArgumentError(
                    f"Under {'/'.join(map(str, path))!r} there are the outputs {[self[i] for i in below]}, but one entry, "
                    f"{leaf!r}. Give each its own, in the structure of the outputs."
                )
            found.update(dict.fromkeys(below, leaf))
        lists = {path[:-1] for path, _ in leaves if isinstance(path[-1], int)}
        if any(i not in found and path[:-1] in lists for i, path in enumerate(self.paths)):
            return None  # a list is whole
        return [found.get(i) for i in range(len(self))]


def free_name(name: str, taken: Container[str]) -> str:
    """`name`, or with the first number, from 1, that is not taken."""
    numbered = (f"{name}_{i}" for i in itertools.count(1))
    return next(n for n in itertools.chain([name], numbered) if n not in taken)


def outputs_of(model: Any, y_pred: Any) -> tuple[list[str], list[Tensor]]:
    """Names and Tensors of the model's outputs."""
    tensors = flatten(y_pred)
    names = list(getattr(model, "output_names", None) or [])
    if len(names) != len(tensors):
        names = [f"output_{i + 1}" for i in range(len(tensors))]
    branches = y_pred.values() if isinstance(y_pred, dict) else y_pred if isinstance(y_pred, (list, tuple)) else ()
    if any(isinstance(branch, (dict, list, tuple)) for branch in branches):
        return NestedNames(y_pred, names), tensors
    return keys(y_pred) if isinstance(y_pred, dict) else names, tensors


def targets_for(y: Any, names: list[str], what: str, losses: Sequence[Any] | None = None) -> list[Any]:
    """Targets in the order of the outputs; where `losses` has None for some of them, y may hold those of the others alone."""
    if y is None:
        return [None] * len(names)
    if losses is not None and len(losses) == len(names) and not isinstance(y, dict):
        own = list(y) if isinstance(y, (list, tuple)) else [y]
        if len(own) < len(names) and len(own) == sum(loss is not None for loss in losses):
            rest = iter(own)
            return [None if loss is None else next(rest) for loss in losses]
    if isinstance(y, (dict, list, tuple)):
        return by_output(y, names, what)
    return _single(y, names, what)


def weights_for(weight: Any, names: list[str]) -> list[Any]:
    """Sample weights in the order of the outputs; a single array serves all."""
    if isinstance(weight, (dict, list, tuple)):
        return by_output(weight, names, "sample_weight")
    return [weight] * len(names)


class CompileLoss(Versioned):
    """The loss of all outputs: a weighted sum of one per output.

    With several losses, a Mean of each is among `metrics`.
    """

    _same_made_again = True

    def __init__(self, loss: Any, loss_weights: Any = None):
        self.loss = loss
        self.loss_weights = loss_weights
        self.losses: list[Any] = []  # of each output: a Loss, None, or a word that the first batch makes precise
        self.weights: list[Any] = []
        self.metrics: list[Mean | None] = []  # for each output
        self.names: list[str] | None = None

    def build(self, names: list[str]) -> None:
        """Match the losses with the outputs."""
        loss = self.loss
        if not isinstance(loss, (dict, list, tuple)):
            loss = [loss] * len(names)
        self.losses = [self._get(entry) for entry in by_output(loss, names, "loss")]
        weights = self.loss_weights
        if weights is not None and not isinstance(weights, (dict, list, tuple)):
            weights = [weights] * len(names)
        self.weights = by_output(weights, names, "loss_weights")
        for weight in self.weights:
            if isinstance(weight, str):
                raise ArgumentError(
                    f"loss_weights expects a number for each output; received {weight!r}. Name metrics with metrics=[...]."
                )
        several = sum(loss is not None for loss in self.losses) > 1
        self.metrics = [
            Mean(name=f"{n}_loss") if several and loss is not None else None
            for n, loss in zip(names, self.losses, strict=True)
        ]
        self.names = names

    @staticmethod
    def _get(entry: Any) -> Any:
        if isinstance(entry, (list, tuple)) and len(entry) == 1:  # as metrics are given
            entry = entry[0]
        if entry is None or entry in BY_SHAPE[2:]:  # a word, until the first batch
            return entry
        loss = losses_module.get(entry)
        return loss if isinstance(loss, Loss) else losses_module.LossFunctionWrapper(loss)

    def __call__(
        self, model: Any, y: Any, y_pred: TensorLike | Mapping[str, Any], sample_weight: Any, batch: int
    ) -> Tensor | None:
        """The loss of a batch, None if no output has one."""
        names, outputs = outputs_of(model, y_pred)
        if self.names != names:
            self.build(names)
        targets, weights = targets_for(y, names, "y", self.losses), weights_for(sample_weight, names)
        if any(isinstance(loss, str) for loss in self.losses):
            self.losses = [_by_shape(*case) for case in zip(self.losses, targets, outputs, strict=True)]
        total = None
        for i, (loss, target, output, weight) in enumerate(zip(self.losses, targets, outputs, weights, strict=True)):
            if loss is None:
                continue
            if target is None:
                lacking = "there is no y. Pass y" if y is None else f"y lacks {names[i]!r}. Pass it in y"
                raise ArgumentError(
                    f"The loss of output {names[i]!r} needs targets, but {lacking} to fit or evaluate, "
                    "and validation_data as (x, y), or compile without a loss and use add_loss."
                )
            if getattr(getattr(target, "dtype", None), "kind", "f") in "USO":  # texts stay NumPy arrays
                raise DataError(
                    f"The loss of output {names[i]!r} expects numbers; received texts, an array of shape {target.shape}. "
                    "Give each class a number: np.unique(y, return_inverse=True)[1]."
                )
            value = loss(target, output, weight)
            if value.ndim:
                value = ops.mean(value)
            tracker = self.metrics[i]
            if tracker is not None:
                tracker.update_state(ops.stop_gradient(value), sample_weight=batch)
            if self.weights[i] is not None:
                value = value * self.weights[i]
            total = value if total is None else total + value
        return total


class CompileMetrics(Versioned):
    """The metrics of all outputs, made when the first batch shows which they are."""

    _same_made_again = True

    def __init__(self, metrics: Any = None, weighted_metrics: Any = None):
        self.given = (metrics, weighted_metrics)
        self.pairs: list[tuple[int, Metric, bool]] = []  # output, metric, whether weighted
        self.names: list[str] | None = None
        self.results: dict[str, Metric] = {}  # by the name under which logs show it

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, in the order in which they were made."""
        return [m for _, m, _ in self.pairs]

    def build(self, names: list[str], targets: list[Any], outputs: list[Tensor]) -> None:
        """Make the metrics for these outputs."""
        self.names = names
        self.pairs, self.results = [], {}
        for given, weighted in zip(self.given, (False, True), strict=True):
            for i, entries in enumerate(self._per_output(given, names, "weighted_metrics" if weighted else "metrics")):
                for entry in entries:
                    metric = self._get(entry, targets[i], outputs[i])
                    self.pairs.append((i, metric, weighted))
                    prefix = f"{names[i]}_" if len(names) > 1 else ""
                    name = prefix + metric.name
                    if weighted and name in self.results:
                        name = f"{prefix}weighted_{metric.name}"
                    self.results[free_name(name, self.results)] = metric

    def forget(self) -> None:
        """The next batch shows which they are."""
        self.names, self.pairs, self.results = None, [], {}

    def build_for(self, model: Any, y: Any, y_pred: Any) -> tuple[list[str], list[Any], list[Tensor]]:
        """Names, targets and outputs of a batch, for which the metrics are made if they are not there."""
        names, outputs = outputs_of(model, y_pred)
        targets = targets_for(y, names, "y", getattr(model._compile_loss, "losses", None))
        if self.names != names:
            self.build(names, targets, outputs)
        return names, targets, outputs

    @staticmethod
    def _per_output(given: Any, names: list[str], what: str) -> list[list[Any]]:
        if given is None:
            return [[] for _ in names]
        if isinstance(given, dict):
            entries = by_output(given, names, what)
        elif not isinstance(given, (list, tuple)):
            entries = [[given]] * len(names) if len(names) == 1 else _single(given, names, what)
        elif len(names) == 1:
            entries = [given[0] if len(given) == 1 and isinstance(given[0], (list, tuple)) else given]
        elif len(given) == len(names):
            entries = list(given)
        else:
            raise ArgumentError(
                f"{what} expects a list for each of the {len(names)} outputs {names}; received {given!r}."
            )
        return [[] if e is None else list(e) if isinstance(e, (list, tuple)) else [e] for e in entries]

    @staticmethod
    def _get(entry: Any, target: Any, output: Tensor) -> Metric:
        word = entry.lower() if isinstance(entry, str) else ""
        if word in BY_SHAPE and target is not None:
            found = metrics_module.resolve(word, target, output)
        elif isinstance(entry, Loss):
            values = entry if entry.reduction == "sum" else functools.partial(_per_sample, entry)
            found = metrics_module.MeanMetricWrapper(values, name=entry.name)
        else:
            found = metrics_module.resolve(entry, target, output)
        if found is None:
            raise ArgumentError("A metric cannot be None: leave it out.")
        if isinstance(entry, str):
            found.name = entry
        return found

    def update(self, model: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Take in a batch."""
        names, targets, outputs = self.build_for(model, y, y_pred)
        weights = weights_for(sample_weight, names)
        for i, metric, weighted in self.pairs:
            if targets[i] is None:
                continue
            metric.update_state(targets[i], outputs[i], sample_weight=weights[i] if weighted else None)


def _by_shape(loss: Any, target: Any, output: Tensor) -> Loss | None:
    """The loss that "crossentropy" means for an output of this shape; any other is itself."""
    if not isinstance(loss, str) or target is None:
        return loss
    kind = {"sparse": "sparse_categorical", "categorical": "categorical", "binary": "binary"}[
        kind_of_answer(target, output)
    ]
    return CompileLoss._get(f"{kind}_crossentropy")


def _per_sample(loss: Loss, y_true: Any, y_pred: Any) -> Any:
    return loss.call(y_true, y_pred)

"""A model's step as a function of a batch of arrays, compiled unless the model is to run eagerly."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autonet.common.lines import warn
from autonet.common.trees import flatten, map_structure
from autonet.common.versions import structure
from autonet.compiler.jit import Compiled
from autonet.core.state import Context, no_grad, state
from autonet.errors import ArgumentError
from autonet.optimizers import Optimizer
from autonet.training.batches import ArrayBatches
from autonet.training.data import Batch, as_tensors, pack
from autonet.training.journal import run_checked
from autonet.training.nonfinite import NonFiniteChecker
from autonet.training.overriding import is_default
from autonet.training.step import predict_step, test_step, train_step

ATTEMPTS = 8  # of a first run that makes more each time
DEFAULTS = {"train": train_step, "test": test_step, "predict": predict_step}


class StepFunction:
    """The step `which` of a model: "train", "test" or "predict".

    Called with a batch, it returns None where the metrics hold all there is to tell, else what the step returned.

    Args:
        model: held weakly, since it holds this.

    While operations are watched for NaN, it runs eagerly; `number`, the batch's in its epoch, is for the error then.
    """

    distribution: Any = None  # what the batch is shared out by

    def __init__(self, model: Any, which: str):
        reference = weakref.ref(model)
        name, step = f"{which}_step", DEFAULTS[which]
        custom = not is_default(model, name)

        def run(x: Any, y: Any, sample_weight: Any) -> Any:
            model = reference()
            if not custom:
                return step(model, x, y, sample_weight)
            if state.observer is not None:
                state.observer.touch(model)
            own, data = getattr(model, name), pack(x, y, sample_weight)
            return own(data) if ran else _first_run(own, data, ran)

        ran: list[bool] = []  # not empty once a run of the step has succeeded
        run.__name__ = name
        self.model = reference
        self.trains = which == "train"
        self.custom = custom
        self.prepared = -1  # the version of the structure for which the model was found ready
        self.run = run
        self.compiled = Compiled(
            run,
            strict=False,
            native=model.jit_compile,
            differentiable=False,
            at_once=which != "predict",
            repeats=which != "predict" and not custom,
        )

    def __call__(self, batch: Any, number: int | None = None) -> Any:
        model = self.model()
        if not self.prepare(batch):
            return self._step(model, batch, number)
        try:
            return self._step(model, batch, number)
        except BaseException:  # a batch that is refused does not say what the metrics are
            model._compile_metrics.forget()  # type: ignore[union-attr]
            self.prepared = -1
            raise

    def _step(self, model: Any, batch: Any, number: int | None) -> Any:
        if self.trains and model._position is not None and model._position.journal is not None:
            model._position.journal.before(batch, number)
        if isinstance(state.observer, NonFiniteChecker):
            return run_checked(self.run, model, batch, self.trains, number)
        if self._eager(model) or self._searches(model):
            return self.run(*[as_tensors(part) for part in batch])
        if self.trains:
            model.optimizer.refresh()
        return self.compiled(*[as_tensors(part) for part in batch])

    def prepare(self, batch: Batch) -> bool:
        """Build the model for a batch of arrays, and see that its optimizer knows the weights.

        Returns: whether the compiled metrics were made for this batch.
        """
        model: Any = self.model()
        model._watch.look(model)
        if self.prepared == structure.version:
            return False  # nothing has changed since the last time
        if not model.built and model._has_call():
            if is_default(model, "build"):  # which leaves the layers inside to the call
                with no_grad():
                    model(as_tensors(batch[0]), training=False)
            else:
                model.build(map_structure(lambda a: tuple(a.shape), batch[0]))
            model.built = True
        if self.trains and isinstance(model.optimizer, Optimizer):
            _prepare_optimizer(model, self.custom)
        if self.trains and not self.custom and batch[1] is not None:
            _warn_of_mixing(model)
        made = model.compiled and model._has_call() and _prepare_metrics(model, batch, self.custom)
        self.prepared = structure.version
        return made

    def adopt(self, batches: Any) -> None:
        """An epoch of these batches is about to begin."""

    def broadcast(self, value: Any) -> Any:
        """`value` as the first of the processes that train together has it."""
        return value

    def agree(self, flag: bool) -> bool:
        """Whether any of the processes that train together says so."""
        return flag

    def share(self, batches: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Which of the batches of a prediction this process runs, and what makes the whole of the arrays that they give."""
        return batches, lambda found: found

    def rows(self, batches: ArrayBatches, number: int, most: int) -> tuple[int, Callable[[int], None]] | None:
        """How many whole batches from `number` on, up to `most`, one call can run, and that call; None if none.

        To be asked after a call with a batch of `batches`.
        """
        model: Any = self.model()
        model._watch.look(model)
        if batches.on_disk or self._eager(model) or self._searches(model) or (self.trains and model.optimizer.asks):
            return None
        count = min(most, batches.size // batches.batch_size - number)
        run = self.compiled.repeatable(batches.data, batches.batch_size, batches.read) if count > 0 else None
        if run is None:
            return None
        first = number * batches.batch_size
        return count, lambda n: run(batches.order, first, n)

    def _searches(self, model: Any) -> bool:
        """Whether a step decides by values how it goes on; its parts are compiled (objective.py)."""
        return self.trains and not self.custom and getattr(model.optimizer, "needs_function", False)

    @contextmanager
    def expecting(self, batches: Any, epochs: int = 1) -> Iterator[None]:
        """Inside, batches of arrays are to be run through so often: plans for their one or two shapes may pay."""
        self.compiled.account.ahead = batches.available * epochs if isinstance(batches, ArrayBatches) else 0
        try:
            yield
        finally:
            self.compiled.account.ahead = 0

    @staticmethod
    def _eager(model: Any) -> bool:
        return model.run_eagerly or model.jit_compile is False or state.observer is not None


def _prepare_optimizer(model: Any, custom: bool) -> None:
    variables = [v for v in model.trainable_variables if v.requires_grad]
    if not model.optimizer.built:
        if model.built:  # else its parts are built as the step reaches them, and the optimizer at its first use
            model.optimizer.build(variables)
    elif not custom and not all(v in model.optimizer._position for v in variables):
        raise ArgumentError(
            f"{model.label} has weights that its optimizer does not know: layers were added, unfrozen or built "
            "anew after compile(), or the optimizer serves another model. Call compile() again, with a new optimizer."
        )


def _warn_of_mixing(model: Any) -> None:
    """A layer inside of a model gets no labels, so those of the images that it mixes stay as they are."""
    for layer in model._flatten_layers(include_self=False):
        if getattr(layer, "mixes_labels", False):
            warn(
                f"{layer.label} stands in {model.label}, where it mixes images but not their labels. Mix batches before fit "
                'sees them, as layer({"images": x, "labels": y}, training=True) in a PyDataset, or with utils.expand.'
            )


def _prepare_metrics(model: Any, batch: Batch, custom: bool) -> bool:
    """Make the compiled metrics now, if they can be: a step that makes Variables is not captured in its first run.

    They are not worth a forward pass, but a step of the user's own may ask for `metrics` before it updates them.
    """
    losses, compiled = model._compile_loss, model._compile_metrics
    if compiled is None or compiled.names is not None or batch[1] is None:  # nothing to compare with: to predict
        return False
    x, y, _ = (as_tensors(part) for part in batch)
    rows = next((len(leaf) for leaf in flatten(x) if leaf is not None), None)  # None stands for an optional input
    y_pred = None if rows is None else model._blank_outputs(rows)
    if y_pred is None and custom and any(flatten(compiled.given)):
        with no_grad():
            y_pred = model(x, training=False)
        model._clear_losses()
    if y_pred is None:
        return False
    names, *_ = compiled.build_for(model, y, y_pred)
    if losses is not None and losses.names is None:
        losses.build(names)
    return True


def _first_run(own: Callable, data: Any, ran: list[bool]) -> Any:
    """The first run of a step of the user's own, which may have to come again.

    Layers that are built by their first use have no weights before it: a step that asks for their gradients fails, and
    has made them. What it assigned is put back then, and it runs again, as often as it made more.
    """
    for left in reversed(range(ATTEMPTS)):
        made = state.made
        try:
            with Replaced({}) as replaced:
                result = own(data)
        except ArgumentError:
            if state.made == made or not left:
                raise
            replaced.put_back()
        else:
            ran.append(True)
            return result
    return None


class Replaced(Context):
    """Keeps in `first` the array that each Variable had before its first assignment."""

    def __init__(self, first: dict[Any, Any]):
        self.first = first

    def assigns(self, variable: Any, source: Any = None) -> None:
        self.first.setdefault(variable, variable._value)

    def put_back(self) -> None:
        """Assign these arrays."""
        for variable, array in self.first.items():
            variable.assign(array)

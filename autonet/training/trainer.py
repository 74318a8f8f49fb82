"""Trainer: the layer that trains. `compile`, `fit`, `evaluate`, `predict`, and the steps that a subclass may replace."""

import functools
import operator
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from autonet import metrics as metrics_module
from autonet import optimizers
from autonet.callbacks.reports import History
from autonet.common import dtypes
from autonet.common.lines import filters_traceback
from autonet.common.trees import flatten, map_structure
from autonet.common.types import Callbacks, Data, Explanation, Identifier
from autonet.common.versions import structure
from autonet.core.state import no_grad, state
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, NotBuiltError
from autonet.layers.base import Layer
from autonet.metrics import Mean
from autonet.optimizers import Optimizer
from autonet.training import loop, nonfinite, rate_search
from autonet.training import step as steps
from autonet.training.arguments import BY_SHAPE, CompileLoss, CompileMetrics, free_name
from autonet.training.bad_data import NonFiniteReporter
from autonet.training.batches import fit_batches
from autonet.training.busy import Busy
from autonet.training.data import (
    Batch,
    as_tensors,
    unpack,
)
from autonet.training.function import StepFunction
from autonet.training.journal import Journal
from autonet.training.objective import BatchObjective
from autonet.training.overriding import is_default
from autonet.training.rate_search import RateSearch
from autonet.training.rehearsal import Rehearsal, rehearse

if TYPE_CHECKING:
    from autonet.common.types import HasCall


class Trainer(Layer):
    """Base of `Model`: what it knows of training."""

    _default_methods: tuple[str, ...] = (
        "compile",
        "compute_metrics",
        "train_step",
        "test_step",
        "predict_step",
    )  # what `is_default` asks for
    layers: Any  # a list of Layers, which subclasses know
    _unfixed = Layer._unfixed | {
        "history",
        "stop_training",
        "stop_evaluating",
        "stop_predicting",
        "_functions",
        "_batch_objective",
        "_known_dtype",
        "_position",
    }
    _untracked = (
        Layer._untracked
        | _unfixed
        | {"_compile_loss", "_compile_metrics", "_loss_tracker", "optimizer", "loss", "_compile_arguments"}
    )

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.optimizer: Any = None
        self.loss: Any = None
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.history: Any = None
        self.compiled = False
        self.run_eagerly = False
        self.jit_compile: Any = "auto"
        self._compile_loss: CompileLoss | None = None
        self._compile_metrics: CompileMetrics | None = None
        self._loss_tracker = Mean(name="loss")
        self._functions: dict[str, StepFunction] = {}
        self._batch_objective: BatchObjective | None = None
        self._known_dtype = (-1, "")
        self._position: Any = None  # while fit runs: where it stands

    # compile

    @filters_traceback
    def compile(
        self,
        optimizer: Identifier | Optimizer = "rmsprop",
        loss: Callable[[Tensor, Tensor], Any] | Identifier | Sequence[Any] = None,
        loss_weights: float | Sequence[float] | Mapping[str, float] | None = None,
        metrics: Identifier | Sequence[Any] = None,
        weighted_metrics: Identifier | Sequence[Any] = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is to be trained.

        Args:
            optimizer: name or Optimizer.
            loss: name, function or Loss; for several outputs a list or a dictionary by output name.
            loss_weights: a factor for each output's loss.
            metrics: names, functions or Metrics to report; per output as for `loss`.
            weighted_metrics: the same, taking sample weights into account.
            run_eagerly: run each step operation by operation, for debugging.
            steps_per_execution, auto_scale_loss: hints without effect: steps run in a row where nobody looks between them, and
                losses of float16 are scaled by `optimizers.LossScaleOptimizer`.
            jit_compile: "auto", True or False: whether steps are compiled.

        Raises: ArgumentError for unknown names, with near ones.
        """
        optimizer_given, optimizer = optimizer, optimizers.get(optimizer)
        if any(isinstance(factor, str) or callable(factor) for factor in flatten(loss_weights)):
            raise ArgumentError(
                f"compile expects loss_weights to be numbers; received {loss_weights!r}. The third place was that of metrics "
                "in Keras 1 and 2: write metrics=..."
            )
        for entry in flatten(loss):  # unknown names are told now, before anything changes
            CompileLoss._get(entry)
        for entry in flatten([metrics, weighted_metrics]):
            if isinstance(entry, str) and entry.lower() not in BY_SHAPE:
                metrics_module.get(entry)
        self.optimizer = optimizer
        self.loss = loss
        self.run_eagerly = bool(run_eagerly)
        self.jit_compile = jit_compile
        self.steps_per_execution = steps_per_execution
        self._compile_loss = CompileLoss(loss, loss_weights) if loss is not None else None
        self._compile_metrics = CompileMetrics(metrics, weighted_metrics)
        self._loss_tracker = Mean(name="loss")
        self._compile_arguments = {
            "optimizer": optimizer_given,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }
        self.compiled = True
        self._functions = {}
        self._batch_objective = None

    def _assert_compiled(self, asked: str) -> None:
        if not self.compiled:
            raise NotBuiltError(
                f"{self.label}: {asked} needs to know the loss and optimizer. Call compile() first, "
                'for example model.compile("adam", "mse").'
            )

    # Metrics

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the compiled metrics, and those of layers."""
        found: list[Any] = []
        if self.compiled:
            found.append(self._loss_tracker)
            found += [m for m in self._compile_loss.metrics if m is not None] if self._compile_loss is not None else []
            found += self._compile_metrics.metrics if self._compile_metrics is not None else []
        own = super().metrics
        return found + [m for m in own if not any(m is f for f in found)]

    @property
    def metrics_names(self) -> list[str]:
        """Names of `metrics`, as logs show them."""
        return list(self._named_metrics())

    def _named_metrics(self) -> dict[str, Any]:
        own = self._compile_metrics.results if self._compile_metrics is not None else {}
        names = {id(m): name for name, m in own.items()}
        found: dict[str, Any] = {}
        for m in self.metrics:
            found[free_name(names.get(id(m), m.name), found)] = m
        return found

    def reset_metrics(self) -> None:
        """Start all metrics anew."""
        for m in self.metrics:
            m.reset_state()

    def get_metrics_result(self) -> dict[str, Tensor]:
        """The metrics as they stand, by name."""
        results: dict[str, Any] = {}
        with no_grad():
            for name, m in self._named_metrics().items():
                result = m.result()
                results.update(result if isinstance(result, dict) else {name: result})
        return results

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Tensor]:
        """Take a batch into the compiled metrics and return all results. Subclasses may add their own."""
        self._update_compiled_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _update_compiled_metrics(self, y: Any, y_pred: Any, sample_weight: Any) -> None:
        if self._compile_metrics is not None:
            self._compile_metrics.update(self, y, y_pred, sample_weight)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """The number that a step lowers: the compiled loss plus the losses that layers add. Subclasses may replace it."""
        terms = []
        if self._compile_loss is not None:
            compiled = self._compile_loss(self, y, y_pred, sample_weight, steps.batch_rows(x))
            terms = [] if compiled is None else [compiled]
        terms += self.losses
        if not terms:
            raise ArgumentError(
                f"{self.label} has nothing to lower: compile() got no loss and no layer calls add_loss(). "
                'Pass one, for example compile(loss="mse").'
            )
        return functools.reduce(operator.add, terms)

    # Steps: a subclass may replace each

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """One batch of training: (x, y, sample_weight) in, results of the metrics out."""
        results = steps.train_step(self, *unpack(data))
        return self.get_metrics_result() if results is None else results

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """One batch of evaluation: (x, y, sample_weight) in, results of the metrics out."""
        results = steps.test_step(self, *unpack(data))
        return self.get_metrics_result() if results is None else results

    def predict_step(self, data: Any) -> Any:
        """One batch of prediction: x in, outputs out."""
        return steps.predict_step(self, unpack(data)[0])

    def _step_function(self, which: str) -> StepFunction:
        """The step "train", "test" or "predict" as a function of a batch of arrays, which the loop calls."""
        function = self._functions.get(which)
        if function is None:
            function = self._functions[which] = StepFunction(self, which)
        if state.contexts or state.observer is not None:
            self._leave_record(which)
        return function

    def _objective(self) -> BatchObjective:
        """The loss of a batch as a function of the weights, for optimizers that search."""
        if self._batch_objective is None:
            self._batch_objective = BatchObjective(self)
        return self._batch_objective

    def _leave_record(self, which: str) -> None:
        """Tell whoever records: what the steps of the loop give are numbers, which go on outside."""
        asked = f"a {which} step of {self.label}; the model itself, model(x), is recorded"
        for variable in self.variables:
            variable._look(asked)
        if state.observer is not None:
            state.observer.refuse(f"this line runs {asked}.")

    def explain_step(self, which: str = "train") -> Explanation:
        """The plan of the step "train", "test" or "predict": operations, memory, what was joined, the generated code.

        Raises: NotBuiltError before such a step was run.
        """
        if which not in self._functions:
            raise NotBuiltError(f"{self.label} has run no {which} step yet: fit, evaluate or predict first.")
        if which == "train" and self._batch_objective is not None:
            return self._batch_objective.compiled.explain()  # the part of a step that computes loss and gradient
        return self._functions[which].compiled.explain()

    def _prepare(self, batch: Batch, function: StepFunction) -> None:
        """Build for a batch of arrays, and see that the optimizer knows the weights."""
        if function.prepared == structure.version:
            return  # nothing has changed since the last time
        if not self.built and self._has_call():
            if is_default(self, "build"):  # which leaves the layers inside to the call
                with no_grad():
                    self(as_tensors(batch[0]), training=False)
            else:
                self.build(map_structure(lambda a: tuple(a.shape), batch[0]))
            self.built = True
        if function.trains and isinstance(self.optimizer, optimizers.Optimizer):
            self._prepare_optimizer(function.custom)
        if function.custom and self.compiled and self._has_call():
            self._prepare_metrics(batch)
        function.prepared = structure.version

    def _by_column(self, x: Any) -> Any:
        """Data; a table by columns, if the model has an input for each."""
        return x

    def _has_call(self) -> bool:
        """Whether there is a map to build; a model with a train_step of its own may have none."""
        return True

    def _prepare_optimizer(self, custom: bool) -> None:
        variables = [v for v in self.trainable_variables if v.requires_grad]
        if not self.optimizer.built:
            if self.built:  # else its parts are built as the step reaches them, and the optimizer at its first use
                self.optimizer.build(variables)
        elif not custom and not all(v in self.optimizer._position for v in variables):
            raise ArgumentError(
                f"{self.label} has weights that its optimizer does not know: layers were added, unfrozen or built "
                "anew after compile(), or the optimizer serves another model. Call compile() again, with a new optimizer."
            )

    def _prepare_metrics(self, batch: Batch) -> None:
        """Make the compiled metrics now: a step of the user's own may ask for `metrics` before it updates them."""
        compiled = self._compile_metrics
        if compiled is not None and compiled.names is None and any(flatten(compiled.given)):
            x, y, _ = (as_tensors(part) for part in batch)
            with no_grad():
                y_pred = self(x, training=False)
            self._clear_losses()
            compiled.build_for(self, y, y_pred)

    def _keep_journal(self) -> Journal | None:
        """From now on, keep what is needed to find in which step of the running `fit` a NaN began; None outside one."""
        if self._position is not None:
            self._position.journal = Journal(self._position, self._step_function("train"))
        return getattr(self._position, "journal", None)

    def _rehearse(self, number: int, observer: Any) -> Rehearsal | None:
        """Step `number` of the running `fit`'s epoch once more, operation by operation, and undone; None outside one."""
        if self._position is None:
            return None
        batches = self._position.batches
        return rehearse(self, batches.batch(number % getattr(batches, "available", sys.maxsize)), observer)

    def _evaluate_training(self) -> dict[str, Any]:
        """Loss and metrics on the data of the running `fit`, in inference."""
        return loop.evaluate_training(self, self._position.batches)

    def _data_dtype(self) -> str:
        """The dtype that float data is brought to once, before any batch is cut."""
        if self._known_dtype[0] != structure.version:  # nothing but a change of structure can change it
            floats = [v.dtype.name for v in self.weights if dtypes.is_float(v.dtype)]
            own = (
                floats[0] if floats else next((x for x in self.layers if str(x.dtype).startswith("float")), self).dtype
            )
            self._known_dtype = structure.version, own
        return self._known_dtype[1]

    # Training

    @filters_traceback
    def fit(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Data = None,
        shuffle: bool | str = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Data = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
    ) -> History:
        """Train for `epochs` passes over the data.

        Args:
            x: inputs: an array (samples first), a list or dictionary of arrays, a generator or iterable of batches
                (x, y) or (x, y, sample_weight), or a PyDataset.
            y: targets, like x; not beside a generator or PyDataset.
            batch_size: samples per step, 32 by default.
            epochs: number of the epoch at which to stop, counted from 0.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line per epoch.
            callbacks: list of Callbacks.
            validation_split: share of the last rows to hold out. A warning tells if they lack classes, as of sorted data.
            validation_data: (x, y) or (x, y, sample_weight) to evaluate on after each epoch, or batches as for x.
            shuffle: whether rows are mixed anew in each epoch; "batch" mixes whole batches.
            class_weight: weight of the samples of each class.
            sample_weight: weight of each sample, shape (samples,).
            initial_epoch: number of the first epoch.
            steps_per_epoch: steps that make an epoch; needed for endless data.
            validation_steps, validation_batch_size: the same for validation.
            validation_freq: every how many epochs to validate, or the epochs (from 1) after which to.

        Returns: the History, whose `history` has a list per log name. Ctrl-C ends training after the step under way
        and returns the History so far.
        Raises: ArgumentError, ShapeError, DataError for what does not fit; NotBuiltError before compile().
        """
        self._assert_compiled("fit")
        with Busy(self, "fit"):
            try:
                loop.check_epochs(epochs=epochs, initial_epoch=initial_epoch)
                batches, validation = fit_batches(
                    self._by_column(x),
                    y,
                    sample_weight,
                    batch_size=batch_size,
                    shuffle=shuffle,
                    steps_per_epoch=steps_per_epoch,
                    class_weight=class_weight,
                    validation_split=validation_split,
                    validation_data=validation_data,
                    validation_steps=validation_steps,
                    validation_batch_size=validation_batch_size,
                    float_dtype=self._data_dtype(),
                    loss=self.loss,
                )
                return loop.fit(
                    self,
                    batches,
                    validation,
                    epochs=epochs,
                    initial_epoch=initial_epoch,
                    verbose=verbose,
                    callbacks=callbacks,
                    validation_freq=validation_freq,
                    reporter=NonFiniteReporter(
                        self.label,
                        {"loss": (batches, (x, y, sample_weight)), "val_loss": (validation, validation_data)},
                    ),
                )
            finally:
                self._position = None  # which knows the data and the model

    @filters_traceback
    def lr_find(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        start: float = 1e-6,
        end: float = 10.0,
        steps: int | None = None,
        beta: float | None = None,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Data = None,
    ) -> RateSearch:
        """Train for a moment at learning rates that rise from far too small to far too large: which is good?

            rate_i = start (end / start)^(i / (steps - 1))        i = 0, 1, ..., steps - 1
            the loss of batch i, smoothed: utils.exponential_average(losses, beta)

        It ends early once the smoothed loss is 4 times its least value, or not finite. All Variables that a step moves
        (weights, optimizer, generators, moving averages, metrics) are what they were before, to the bit, also after an
        error or Ctrl-C; a model without weights is built first, as by `fit`. A generator's batches are used up.

        Args:
            x, y, batch_size, class_weight, sample_weight: as for `fit`; rows are mixed.
            start, end: the first and the last rate.
            steps: number of rates, a batch each; by default those of one pass over the data, and at least 200. Shorter
                data are walked again.
            beta: of the smoothing; by default so that a twentieth of the steps weighs in.

        Returns: a `RateSearch`: `rates`, `losses`, `suggestion`, `plot()`. A warning says why there is no suggestion.
        Raises: ArgumentError for rates that do not rise; else as `fit`.
        Source: Smith, 2015, https://arxiv.org/abs/1506.01186, section 3.3; the form is that of Howard, Gugger, 2020, fastai.
        """
        self._assert_compiled("lr_find")
        with Busy(self, "lr_find"):
            return rate_search.search(
                self,
                self._by_column(x),
                y,
                sample_weight,
                batch_size=batch_size,
                class_weight=class_weight,
                start=start,
                end=end,
                steps=steps,
                beta=beta,
            )

    if TYPE_CHECKING:  # by name, the results are a dictionary

        @overload
        def evaluate(
            self,
            x: Data = None,
            y: Data = None,
            batch_size: int | None = None,
            verbose: int | str = "auto",
            sample_weight: Data = None,
            steps: int | None = None,
            callbacks: Callbacks = None,
            *,
            return_dict: Literal[True],
        ) -> dict[str, float]: ...
        @overload
        def evaluate(
            self,
            x: Data = None,
            y: Data = None,
            batch_size: int | None = None,
            verbose: int | str = "auto",
            sample_weight: Data = None,
            steps: int | None = None,
            callbacks: Callbacks = None,
            return_dict: bool = False,
        ) -> Any: ...

    @filters_traceback
    def evaluate(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Data = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data, in inference.

        Args: as for `fit`; with return_dict the results come by name, otherwise as the loss alone or a list.
        """
        self._assert_compiled("evaluate")
        with Busy(self, "evaluate"):
            return loop.evaluate(
                self,
                x,
                y,
                batch_size=batch_size,
                verbose=verbose,
                sample_weight=sample_weight,
                steps=steps,
                callbacks=callbacks,
                return_dict=return_dict,
            )

    if TYPE_CHECKING:  # a model whose `call` gives one Tensor predicts one array

        @overload
        def predict(
            self: HasCall[..., Tensor],
            x: Data,
            batch_size: int | None = None,
            verbose: int | str = "auto",
            steps: int | None = None,
            callbacks: Callbacks = None,
        ) -> np.ndarray: ...
        @overload
        def predict(
            self,
            x: Data,
            batch_size: int | None = None,
            verbose: int | str = "auto",
            steps: int | None = None,
            callbacks: Callbacks = None,
        ) -> Any: ...

    @filters_traceback
    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
    ) -> Any:
        """Outputs for all rows of x, in inference, as arrays.

        Shapes: x (n, ...); result (n, ...), or a tree of such for several outputs.
        """
        return loop.predict(self, x, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)


nonfinite.ROLES[Trainer] = "model", "forward"

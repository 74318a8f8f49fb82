"""Model: a layer that trains."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from autonet import metrics as metrics_module
from autonet import optimizers
from autonet.callbacks.reports import History
from autonet.compiler.jit import Compiled
from autonet.core import dtypes
from autonet.core.state import no_grad
from autonet.core.tensor import Tensor
from autonet.core.trees import flatten, map_structure
from autonet.errors import ArgumentError, NotBuiltError, unknown
from autonet.layers.base import Layer
from autonet.legacy import renamed
from autonet.metrics import Mean, Metric
from autonet.training import loop
from autonet.training import step as steps
from autonet.training.arguments import CompileLoss, CompileMetrics
from autonet.training.batches import ArrayBatches, class_weights, unpack


class Model(Layer):
    """A layer with a training loop: `compile`, `fit`, `evaluate`, `predict`.

    Subclass it (layers in `__init__`, the map in `call`), or compose a `Sequential`.

    Args:
        name: of the model.
        trainable: whether its weights are trained.
        dtype: dtype of weights and computation.
    """

    _untracked = Layer._untracked | {
        "_compile_loss",
        "_compile_metrics",
        "_loss_tracker",
        "history",
        "optimizer",
        "loss",
        "_compile_arguments",
        "_functions",
    }

    _unfixed = Layer._unfixed | {"history", "stop_training", "stop_evaluating", "_functions"}

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.optimizer: Any = None
        self.loss: Any = None
        self.stop_training = False
        self.history: Any = None
        self.compiled = False
        self.run_eagerly = False
        self.jit_compile: Any = "auto"
        self._compile_loss: CompileLoss | None = None
        self._compile_metrics: CompileMetrics | None = None
        self._loss_tracker = Mean(name="loss")
        self._functions: dict[str, StepFunction] = {}

    # What is inside

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside, in the order in which they were assigned."""
        return [x for x in self._sublayers if not isinstance(x, Metric)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name, or at this place among `layers`.

        Raises: ArgumentError if there is none, or for both or neither argument.
        """
        if (name is None) == (index is None):
            raise ArgumentError("get_layer expects either name or index.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ArgumentError(f"{self.label} has {len(self.layers)} layers; there is no index {index}.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown(f"layer of {self.label}", name, [layer.name for layer in self.layers])

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print the layers with output shapes and numbers of parameters.

        Raises: NotBuiltError before the model knows its shapes.
        """
        from autonet.models.summary import summary

        (print_fn or print)(summary(self, line_length, expand_nested, show_trainable, layer_range))

    # compile

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
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
            steps_per_execution, auto_scale_loss: accepted for Keras's sake.
            jit_compile: "auto", True or False: whether steps are compiled.

        Raises: ArgumentError for unknown names, with near ones.
        """
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self.run_eagerly = bool(run_eagerly)
        self.jit_compile = jit_compile
        self.steps_per_execution = steps_per_execution
        self._compile_loss = CompileLoss(loss, loss_weights) if loss is not None else None
        for entry in flatten(loss):  # unknown names are told now, not at the first batch
            CompileLoss._get(entry)
        for entry in flatten([metrics, weighted_metrics]):
            if isinstance(entry, str) and entry.lower() not in ("accuracy", "acc", "crossentropy", "ce"):
                metrics_module.get(entry)
        self._compile_metrics = CompileMetrics(metrics, weighted_metrics)
        self._loss_tracker = Mean(name="loss")
        self._compile_arguments = {
            "optimizer": optimizer,
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

    def _assert_compiled(self, asked: str) -> None:
        if not self.compiled:
            raise NotBuiltError(
                f"{asked} needs to know the loss and optimizer. Call compile() first, "
                'for example model.compile("adam", "mse").'
            )

    # Metrics

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the compiled metrics, and those of layers."""
        found: list[Any] = []
        if self.compiled:
            found.append(self._loss_tracker)
            found += self._compile_loss.metrics if self._compile_loss is not None else []
            found += self._compile_metrics.metrics if self._compile_metrics is not None else []
        own = super().metrics
        return found + [m for m in own if not any(m is f for f in found)]

    @property
    def metrics_names(self) -> list[str]:
        """Names of `metrics`."""
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """Start all metrics anew."""
        for m in self.metrics:
            m.reset_state()

    def get_metrics_result(self) -> dict[str, Tensor]:
        """The metrics as they stand, by name."""
        results: dict[str, Any] = {}
        named = {id(m): n for n, m in self._compile_metrics.results.items()} if self._compile_metrics else {}
        with no_grad():
            for m in self.metrics:
                result = m.result()
                if isinstance(result, dict):
                    results.update(result)
                else:
                    results[named.get(id(m), m.name)] = result
        return results

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Tensor]:
        """Take a batch into the compiled metrics and return all results. Subclasses may add their own."""
        self._update_compiled(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _update_compiled(self, y: Any, y_pred: Any, sample_weight: Any) -> None:
        if self._compile_metrics is not None:
            self._compile_metrics.update(self, y, y_pred, sample_weight)

    def _watch_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """What a step does for metrics: no results are computed unless a subclass has its own `compute_metrics`."""
        if type(self).compute_metrics is Model.compute_metrics:
            self._update_compiled(y, y_pred, sample_weight)
        else:
            self.compute_metrics(x, y, y_pred, sample_weight)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """The number that a step lowers: the compiled loss plus the losses that layers add. Subclasses may replace it."""
        return steps.total_loss(self, x, y, y_pred, sample_weight)

    # Steps: a subclass may replace each

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """One batch of training: (x, y, sample_weight) in, results of the metrics out."""
        steps.train_step(self, *unpack(data))
        return self.get_metrics_result()

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """One batch of evaluation: (x, y, sample_weight) in, results of the metrics out."""
        steps.test_step(self, *unpack(data))
        return self.get_metrics_result()

    def predict_step(self, data: Any) -> Any:
        """One batch of prediction: x in, outputs out."""
        return steps.predict_step(self, unpack(data)[0])

    def _make_train_function(self) -> Callable:
        """What the loop calls with each batch: returns None, or the logs of a train_step of the user's own."""
        return self._function("train", Model.train_step, steps.train_step)

    def _make_test_function(self) -> Callable:
        return self._function("test", Model.test_step, steps.test_step)

    def _make_predict_function(self) -> Callable:
        return self._function(
            "predict", Model.predict_step, lambda model, x, y, sample_weight: steps.predict_step(model, x)
        )

    def _function(self, which: str, default: Callable, step: Callable) -> Callable:
        """The step `which` as a function of a batch of arrays."""
        if which not in self._functions:
            self._functions[which] = StepFunction(self, which, default, step)
        return self._functions[which]

    def explain_step(self, which: str = "train") -> Any:
        """The plan of the step "train", "test" or "predict": operations, memory, what was joined, the generated code.

        Raises: NotBuiltError before such a step was run.
        """
        if which not in self._functions:
            raise NotBuiltError(f"{self.label} has run no {which} step yet: fit, evaluate or predict first.")
        return self._functions[which].compiled.explain()

    def _ensure_built(self, x: Any) -> None:
        """Build for a batch `x` of arrays."""
        if not self.built:
            if type(self).build is Layer.build:  # its layers are built as the call reaches them
                with no_grad():
                    self(loop.as_tensors(x), **({"training": False} if "training" in _call_arguments(self) else {}))
            else:
                self.build(map_structure(lambda a: tuple(a.shape), x))
            self.built = True
        if self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def _data_dtype(self) -> str:
        """The dtype that float data is brought to once, before any batch is cut."""
        for v in self.weights:
            if dtypes.is_float(v.dtype):
                return v.dtype.name
        first = next(iter(self.layers), self)
        return first.dtype

    # Training

    @renamed(nb_epoch="epochs", nb_val_samples="validation_steps", samples_per_epoch="steps_per_epoch")
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: Any = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
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
            validation_split: share of the last rows to hold out.
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
        return loop.fit(
            self,
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data, in inference.

        Args: as for `fit`; with return_dict the results come by name, otherwise as the loss alone or a list.
        """
        self._assert_compiled("evaluate")
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

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Outputs for all rows of x, in inference, as arrays.

        Shapes: x (n, ...); result (n, ...), or a tree of such for several outputs.
        """
        return loop.predict(self, x, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One step on one batch; returns the metrics, which go on from earlier batches."""
        self._assert_compiled("train_on_batch")
        batch = self._one_batch(x, y, sample_weight)
        if class_weight is not None:
            weights = class_weights(batch[1], class_weight)
            batch = (batch[0], batch[1], weights if batch[2] is None else weights * batch[2])
        logs = loop._numbers(self, self._make_train_function()(batch))
        return logs if return_dict else loop.as_list(logs)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics after one more batch, in inference."""
        self._assert_compiled("test_on_batch")
        logs = loop._numbers(self, self._make_test_function()(self._one_batch(x, y, sample_weight)))
        return logs if return_dict else loop.as_list(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch, in inference, as arrays."""
        batch = self._one_batch(x, None, None)
        return map_structure(loop.as_array, self._make_predict_function()(batch))

    def _one_batch(self, x: Any, y: Any, sample_weight: Any) -> Any:
        return ArrayBatches((x, y, sample_weight), 2**62, False, None, self._data_dtype()).data

    # Configuration

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {k: config[k] for k in ("name", "trainable", "dtype")}


class StepFunction:
    """A model's step on batches of arrays, compiled unless the model is to run eagerly."""

    def __init__(self, model: Model, which: str, default: Callable, step: Callable):
        self.model = weakref.ref(model)  # the model holds this: no cycle
        custom = getattr(type(model), f"{which}_step") is not default
        name = f"{which}_step"

        def run(x: Any, y: Any, sample_weight: Any) -> Any:
            model = self.model()
            if not custom:
                return step(model, x, y, sample_weight)
            data: tuple = (x, y, sample_weight)
            while len(data) > 1 and data[-1] is None:
                data = data[:-1]
            return getattr(model, name)(data)

        self.run = run
        self.compiled = Compiled(run, strict=False, native=model.jit_compile)

    def __call__(self, batch: Any) -> Any:
        model = self.model()
        model._ensure_built(batch[0])  # type: ignore[union-attr]
        eager = model.run_eagerly or model.jit_compile is False  # type: ignore[union-attr]
        return (self.run if eager else self.compiled)(*loop.as_tensors(batch))

    def rows(self, batches: ArrayBatches, order: Any, step: int, most: int) -> tuple[int, Callable[[int], None]] | None:
        """How many whole batches from number `step` on, up to `most`, one call can run, and that call; None if none."""
        model = self.model()
        if model.run_eagerly or model.jit_compile is False:  # type: ignore[union-attr]
            return None
        count = min(most, batches.size // batches.batch_size - step)
        plan = self.compiled.repeatable(batches.data, batches.batch_size) if count > 0 else None
        if plan is None:
            return None
        sources = [a for a in flatten(batches.data) if a is not None]
        first = step * batches.batch_size
        return count, lambda n: plan.run_rows(sources, order, first, n)


def _call_arguments(model: Model) -> Any:
    import inspect

    return inspect.signature(type(model).call).parameters

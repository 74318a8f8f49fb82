"""Stepping: what a model does with one batch. `compile`, the loss, the metrics, and the steps; a subclass may replace each."""

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autonet import metrics as metrics_module
from autonet import optimizers
from autonet.common.lines import filters_traceback
from autonet.common.trees import flatten
from autonet.common.types import Explanation, Identifier
from autonet.compiler.unannounced import Watch
from autonet.core.state import no_grad, state
from autonet.core.tensor import Tensor
from autonet.distribution.parallel import DataParallel
from autonet.distribution.parallel import distribution as current_distribution
from autonet.errors import ArgumentError, NotBuiltError
from autonet.layers.base import Layer
from autonet.metrics import Mean
from autonet.optimizers import Optimizer
from autonet.training import step as steps
from autonet.training.arguments import BY_SHAPE, CompileLoss, CompileMetrics, free_name
from autonet.training.data import unpack
from autonet.training.function import StepFunction
from autonet.training.objective import BatchObjective


class Stepping(Layer):
    """Base of `Trainer`: what `compile` was told, and the steps of one batch that are made of it."""

    _default_methods: tuple[str, ...] = (  # what `is_default` asks for
        *("compile", "compute_metrics"),
        *("train_step", "test_step", "predict_step"),
    )
    _untracked = (
        Layer._untracked
        | {"_functions", "_batch_objective", "_distribution", "_watch"}
        | {"_compile_loss", "_compile_metrics", "_loss_tracker", "optimizer", "loss", "_compile_arguments"}
    )
    _unfixed = Layer._unfixed | {"_functions", "_batch_objective", "_watch"}

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.optimizer: Any = None
        self.loss: Any = None
        self.compiled = False
        self.run_eagerly = False
        self.jit_compile: Any = "auto"
        self._compile_loss: CompileLoss | None = None
        self._compile_metrics: CompileMetrics | None = None
        self._loss_tracker = Mean(name="loss")
        self._functions: dict[str, StepFunction] = {}
        self._batch_objective: BatchObjective | None = None
        self._distribution: Any = None
        self._watch = Watch()

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
        *,
        distribution: DataParallel | None = None,
    ) -> None:
        """Say how the model is to be trained.

        Args:
            optimizer: name or Optimizer.
            loss: name, function or Loss; for several outputs a list or a dictionary by output name. "crossentropy" is that
                of the output's shape: binary, categorical or sparse.
            loss_weights: a factor for each output's loss.
            metrics: names, functions or Metrics to report; per output as for `loss`.
            weighted_metrics: the same, taking sample weights into account.
            run_eagerly: run each step operation by operation, for debugging.
            steps_per_execution: how many steps run before callbacks hear of the last of them. (Steps run in a row anyway where
                nobody looks between them.)
            auto_scale_loss: whether the optimizer of a model whose policy is "mixed_float16" is put into an
                `optimizers.LossScaleOptimizer`, so that small gradients survive.
            jit_compile: "auto", True or False: whether steps are compiled.
            distribution: how the ranks of an MPI job share each batch; by default what `distribution.set_distribution` said.

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
        if (
            auto_scale_loss
            and self.dtype_policy.name == "mixed_float16"
            and isinstance(optimizer, optimizers.Optimizer)
        ):
            if not isinstance(optimizer, optimizers.LossScaleOptimizer):
                optimizer = optimizers.LossScaleOptimizer(optimizer)
        if isinstance(steps_per_execution, bool) or not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ArgumentError(
                f"compile expects steps_per_execution to be a whole number of at least 1; received {steps_per_execution!r}."
            )
        if distribution is not None and not isinstance(distribution, DataParallel):
            raise ArgumentError(
                f"compile expects distribution to be a DataParallel or None; received {distribution!r}."
            )
        self._distribution = distribution
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

    # Steps

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

    def _ranks(self) -> Any:
        """The Communicator of the ranks that share its steps; None where this process has them alone."""
        chosen = self._distribution or current_distribution()
        return chosen.group if chosen is not None and chosen.group.size > 1 else None

    def _step_function(self, which: str) -> StepFunction:
        """The step "train", "test" or "predict" as a function of a batch of arrays, which the loop calls."""
        function = self._functions.get(which)
        chosen = self._distribution or current_distribution()
        if function is None or function.distribution is not chosen:
            function = self._functions[which] = self._new_function(which, chosen)
        if state.contexts or state.observer is not None:
            self._leave_record(which)
        return function

    def _new_function(self, which: str, chosen: Any) -> StepFunction:
        if chosen is None:
            return StepFunction(self, which)
        from autonet.training.distributed import DistributedPrediction, DistributedStep

        return DistributedPrediction(self, chosen) if which == "predict" else DistributedStep(self, which, chosen)

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

    def _has_call(self) -> bool:
        """Whether there is a map to build; a model with a train_step of its own may have none."""
        return True

    def _blank_outputs(self, rows: int) -> Any:
        """Zeros in the shapes of the outputs for so many rows; None where only a call shows them."""
        return None

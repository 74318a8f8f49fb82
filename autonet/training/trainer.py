"""Trainer: the layer that trains. `fit`, `lr_find`, `evaluate` and `predict`."""

import sys
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from autonet.callbacks.reports import History
from autonet.common import dtypes
from autonet.common.lines import filters_traceback
from autonet.common.types import Callbacks, Data
from autonet.common.versions import structure
from autonet.core.tensor import Tensor
from autonet.training import loop, nonfinite, rate_search
from autonet.training.bad_data import NonFiniteReporter
from autonet.training.batches import fit_batches
from autonet.training.busy import Busy
from autonet.training.journal import Journal
from autonet.training.rate_search import RateSearch
from autonet.training.rehearsal import Rehearsal, rehearse
from autonet.training.stepping import Stepping

if TYPE_CHECKING:
    from autonet.common.types import HasCall


class Trainer(Stepping):
    """Base of `Model`: its steps, batch by batch and epoch by epoch."""

    layers: Any  # a list of Layers, which subclasses know
    _unfixed = Stepping._unfixed | {
        *("history", "stop_training", "stop_evaluating", "stop_predicting"),
        *("_known_dtype", "_position"),
    }
    _untracked = Stepping._untracked | _unfixed

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.history: Any = None
        self._known_dtype = (-1, "")
        self._position: Any = None  # while fit runs: where it stands

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
                (x, y) or (x, y, sample_weight), or a PyDataset. Arrays on disk stay there, and are read batch by batch: a
                path of a `.npy` file, a memory-mapped array, a `utils.DiskArray`.
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

    # What they run with

    def _by_column(self, x: Any) -> Any:
        """Data; a table by columns, if the model has an input for each."""
        return x

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


nonfinite.ROLES[Trainer] = "model", "forward"

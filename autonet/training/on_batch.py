"""OnBatchTrainer: a Trainer's steps on batches that the caller cuts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.common.types import Data
from autonet.core.tensor import Tensor
from autonet.errors import DataError
from autonet.training import loop
from autonet.training.busy import Busy
from autonet.training.data import arrays, as_arrays, as_tensors, class_table, clean, is_empty, length, weigh
from autonet.training.trainer import Trainer

if TYPE_CHECKING:
    from autonet.common.types import HasCall


class OnBatchTrainer(Trainer):
    """`train_on_batch`, `test_on_batch` and `predict_on_batch`."""

    if TYPE_CHECKING:

        @overload
        def train_on_batch(
            self,
            x: Data,
            y: Data = None,
            sample_weight: Data = None,
            class_weight: Mapping[int, float] | None = None,
            *,
            return_dict: Literal[True],
        ) -> dict[str, float]: ...
        @overload
        def train_on_batch(
            self,
            x: Data,
            y: Data = None,
            sample_weight: Data = None,
            class_weight: Mapping[int, float] | None = None,
            return_dict: bool = False,
        ) -> Any: ...

    @filters_traceback
    def train_on_batch(
        self,
        x: Data,
        y: Data = None,
        sample_weight: Data = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch; returns the loss and the metrics of this batch alone.

        Args: as for `fit`; with return_dict the results come by name, otherwise as the loss alone or a list.
        """
        self._assert_compiled("train_on_batch")
        return self._on_batch("train", self._one_batch(x, y, sample_weight, class_weight), return_dict)

    if TYPE_CHECKING:

        @overload
        def test_on_batch(
            self, x: Data, y: Data = None, sample_weight: Data = None, *, return_dict: Literal[True]
        ) -> dict[str, float]: ...
        @overload
        def test_on_batch(
            self, x: Data, y: Data = None, sample_weight: Data = None, return_dict: bool = False
        ) -> Any: ...

    @filters_traceback
    def test_on_batch(self, x: Data, y: Data = None, sample_weight: Data = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch alone, in inference; results as those of `train_on_batch`."""
        self._assert_compiled("test_on_batch")
        return self._on_batch("test", self._one_batch(x, y, sample_weight), return_dict)

    if TYPE_CHECKING:

        @overload
        def predict_on_batch(self: HasCall[..., Tensor], x: Data) -> np.ndarray: ...
        @overload
        def predict_on_batch(self, x: Data) -> Any: ...

    @filters_traceback
    def predict_on_batch(self, x: Data) -> Any:
        """Outputs for one batch, in inference, as arrays."""
        if type(x) is not np.ndarray or not x.ndim or x.dtype != self._data_dtype():
            x = arrays(x, "x", self._data_dtype())
        function = self._step_function("predict")
        if is_empty(x):
            function.prepare((x, None, None))
            return as_arrays(function.run(as_tensors(x), None, None))  # an empty batch is not worth a plan
        return as_arrays(function((x, None, None)))

    def _on_batch(self, which: str, batch: Any, return_dict: bool) -> Any:
        with Busy(self, f"{which}_on_batch"):
            self.reset_metrics()
            logs = loop.read(self, self._step_function(which)(batch))
        return logs if return_dict else loop.as_list(logs)

    def _one_batch(self, x: Any, y: Any, sample_weight: Any, class_weight: Any = None) -> Any:
        batch = clean((x, y, sample_weight), self._data_dtype())
        if not length(batch):
            raise DataError("There is no data: the batch has no rows.")
        return weigh(batch, None if class_weight is None else class_table(class_weight))

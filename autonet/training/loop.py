"""fit, evaluate and predict: epochs and batches around a model's steps."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autonet.callbacks.base import CallbackList
from autonet.callbacks.reports import History
from autonet.core.tensor import Tensor, wrap
from autonet.core.trees import map_structure
from autonet.errors import ArgumentError
from autonet.training.batches import ArrayBatches, make_batches, split_validation, unpack
from autonet.training.interrupt import Interrupt

STRETCH = 0.05  # seconds of steps in a row, after which Ctrl-C is looked for


def fit(
    model: Any,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    epochs: int,
    verbose: Any,
    callbacks: Any,
    validation_split: float,
    validation_data: Any,
    shuffle: Any,
    class_weight: Any,
    sample_weight: Any,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: Any,
) -> History:
    """`Model.fit`: see there."""
    if not isinstance(epochs, (int, np.integer)) or epochs < 0:
        raise ArgumentError(f"fit expects epochs to be a whole number; received {epochs!r}.")
    if validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = split_validation((x, y, sample_weight), validation_split)
    dtype = model._data_dtype()
    batches = make_batches(
        x,
        y,
        sample_weight,
        batch_size=batch_size,
        shuffle=shuffle,
        steps=steps_per_epoch,
        class_weight=class_weight,
        float_dtype=dtype,
    )
    held_out = None
    if validation_data is not None:
        parts = (
            unpack(tuple(validation_data))
            if isinstance(validation_data, (tuple, list))
            else (validation_data, None, None)
        )
        size = validation_batch_size or batch_size
        held_out = make_batches(*parts, batch_size=size, steps=validation_steps, float_dtype=dtype)
    if not isinstance(callbacks, CallbackList):
        callbacks = CallbackList(callbacks, add_history=True, add_progbar=_verbosity(verbose) != 0, model=model)
    callbacks.set_params({"epochs": epochs, "steps": batches.steps, "verbose": _verbosity(verbose)})
    model.stop_training = False
    logs: dict[str, Any] = {}
    with Interrupt() as interrupt:
        try:
            callbacks.on_train_begin()
            for epoch in range(initial_epoch, epochs):
                model.reset_metrics()
                callbacks.on_epoch_begin(epoch)
                done, logs = _train_epoch(model, batches, callbacks, interrupt)
                batches.end_epoch()
                if batches.steps is not None and done < batches.steps:
                    model.stop_training = True  # the data ended early
                if held_out is not None and _validates(epoch, validation_freq):
                    logs = {
                        **logs,
                        **{f"val_{k}": v for k, v in run_test(model, held_out, callbacks, interrupt).items()},
                    }
                callbacks.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break
        except KeyboardInterrupt:
            model.stop_training = True
            for callback in callbacks.callbacks:
                callback.say("Interrupted: training stops, what it learned so far stays.")
                break
        callbacks.on_train_end(logs)
    return model.history


def _train_epoch(model: Any, batches: Any, callbacks: CallbackList, interrupt: Interrupt) -> tuple[int, dict[str, Any]]:
    """One pass over the batches: the number of steps done, and the epoch's logs."""
    step = model._make_train_function()
    returned: Any = None
    done = 0
    for begin, done, run in _stretches(step, batches, callbacks):
        callbacks.on_train_batch_begin(begin)
        with interrupt.step:
            returned = run()
        callbacks.on_train_batch_end(done - 1, lambda: _numbers(model, returned))  # noqa: B023  # called at once or never
        if model.stop_training:
            break
    return done, _numbers(model, returned)


def _stretches(step: Callable, batches: Any, callbacks: CallbackList) -> Iterator[tuple[int, int, Callable[[], Any]]]:
    """An epoch as (first step, step after the last, function that runs them): single steps, or several in a row.

    Steps run in a row where the data lies in memory, the step is machine code, and no callback wants to look in between.
    """
    if not isinstance(batches, ArrayBatches):
        for n, batch in enumerate(batches.epoch()):
            yield n, n + 1, functools.partial(step, batch)
        return
    order = batches.order()
    n, steps = 0, batches.steps or 0
    pace = 0.0  # seconds per step of the last stretch
    while n < steps:
        most = min(callbacks.due + 1, steps) - n
        if pace:
            most = min(most, max(int(STRETCH / pace), 1))
        rows = step.rows(batches, order, n, most) if most > 1 else None  # type: ignore[attr-defined]
        if rows is None:
            yield n, n + 1, functools.partial(step, batches.batch(order, n))
            n += 1
            continue
        count, run = rows
        count = count if pace else min(count, 8)
        started = time.perf_counter()
        yield n, n + count, functools.partial(run, count)
        pace = (time.perf_counter() - started) / count
        n += count


def _numbers(model: Any, returned: Any) -> dict[str, Any]:
    """Logs as Python numbers: what a step of the user's own returned, or the metrics as they stand."""
    logs = returned if returned is not None else model.get_metrics_result()
    return {k: v.item() if isinstance(v, Tensor) and v.size == 1 else np.asarray(v).tolist() for k, v in logs.items()}


def _validates(epoch: int, freq: Any) -> bool:
    return epoch + 1 in freq if isinstance(freq, (list, tuple, set)) else (epoch + 1) % freq == 0


def _verbosity(verbose: Any) -> int:
    if verbose == "auto":
        return 1
    if verbose in (0, 1, 2):
        return int(verbose)
    raise ArgumentError(f'verbose expects 0 (silent), 1 (bar), 2 (a line per epoch) or "auto"; received {verbose!r}.')


def run_test(model: Any, batches: Any, callbacks: CallbackList, interrupt: Interrupt) -> dict[str, Any]:
    """Loss and metrics over all batches."""
    step = model._make_test_function()
    model.reset_metrics()
    callbacks.on_test_begin()
    returned: Any = None
    for i, batch in enumerate(batches.epoch()):
        callbacks.on_test_batch_begin(i)
        with interrupt.step:
            returned = step(batch)
        callbacks.on_test_batch_end(i, lambda: _numbers(model, returned))  # noqa: B023
        if getattr(model, "stop_evaluating", False):
            break
    logs = _numbers(model, returned)
    batches.end_epoch()
    callbacks.on_test_end(logs)
    return logs


def evaluate(
    model: Any,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    verbose: Any,
    sample_weight: Any,
    steps: int | None,
    callbacks: Any,
    return_dict: bool,
) -> Any:
    """`Model.evaluate`: see there."""
    batches = make_batches(x, y, sample_weight, batch_size=batch_size, steps=steps, float_dtype=model._data_dtype())
    if not isinstance(callbacks, CallbackList):
        callbacks = CallbackList(callbacks, add_progbar=_verbosity(verbose) != 0, model=model)
        callbacks.set_params({"epochs": 1, "steps": batches.steps, "verbose": _verbosity(verbose)})
    with Interrupt() as interrupt:
        logs = run_test(model, batches, callbacks, interrupt)
    return logs if return_dict else as_list(logs)


def as_list(logs: dict[str, Any]) -> Any:
    """Logs as Keras returns them: the loss alone, or a list of the loss and the metrics."""
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def predict(model: Any, x: Any, *, batch_size: int | None, verbose: Any, steps: int | None, callbacks: Any) -> Any:
    """`Model.predict`: see there."""
    if isinstance(x, np.ndarray) and callbacks is None and verbose in (0, "auto") and steps is None:
        if x.ndim and 0 < len(x) <= (batch_size or 32):  # one batch: nothing to show, nothing to join
            return model.predict_on_batch(x)
    batches = make_batches(x, batch_size=batch_size, steps=steps, float_dtype=model._data_dtype())
    callbacks = CallbackList(callbacks, add_progbar=_verbosity(verbose) != 0, model=model)
    callbacks.set_params({"epochs": 1, "steps": batches.steps, "verbose": _verbosity(verbose)})
    step: Callable = model._make_predict_function()
    outputs: list[Any] = []
    with Interrupt() as interrupt:
        callbacks.on_predict_begin()
        for i, batch in enumerate(batches.epoch()):
            callbacks.on_predict_batch_begin(i)
            with interrupt.step:
                outputs.append(map_structure(as_array, step(batch)))
            callbacks.on_predict_batch_end(i, lambda: {"outputs": outputs[-1]})
        batches.end_epoch()
        callbacks.on_predict_end()
    if not outputs:
        raise ArgumentError("predict received no rows. Pass at least one sample.")
    return map_structure(lambda *parts: np.concatenate(parts), *outputs)


def as_array(x: Any) -> np.ndarray:
    """The values of a Tensor as an array of the caller's own."""
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def as_tensors(tree: Any) -> Any:
    """A tree of arrays as Tensors around the same memory; text and None stay."""
    return map_structure(lambda a: wrap(a) if isinstance(a, np.ndarray) and a.dtype.kind in "biuf" else a, tree)

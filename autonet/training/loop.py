"""fit, evaluate and predict: epochs and batches around a model's steps."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autonet.callbacks.base import CallbackList
from autonet.callbacks.reports import History
from autonet.core.lines import warn
from autonet.core.tensor import Tensor
from autonet.core.trees import map_structure
from autonet.errors import ArgumentError
from autonet.training.batches import ArrayBatches, held_out, is_stream, make_batches
from autonet.training.data import arrays, as_arrays, is_empty, unpack
from autonet.training.function import StepFunction
from autonet.training.interrupt import Interrupt
from autonet.training.position import Position

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
    for name, value in (("epochs", epochs), ("initial_epoch", initial_epoch)):
        if not isinstance(value, (int, np.integer)) or value < 0:
            raise ArgumentError(
                f"fit expects {name} to be a whole number of at least 0; received {value!r}. Write {name}=10."
            )
    dtype = model._data_dtype()
    if validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = held_out((x, y, sample_weight), validation_split, dtype)
    batches = make_batches(
        x,
        y,
        sample_weight,
        batch_size=batch_size,
        shuffle=shuffle,
        steps=steps_per_epoch,
        class_weight=class_weight,
        float_dtype=dtype,
        endless=True,
    )
    validation = None
    if validation_data is not None:
        _check_frequency(validation_freq)
        size = validation_batch_size or batch_size
        validation = make_batches(
            *unpack(validation_data), batch_size=size, steps=validation_steps, float_dtype=dtype, keep=True
        )
    callbacks = _callbacks(model, callbacks, verbose, epochs, batches.steps, history=True)
    model.stop_training = False
    position = model._position = Position(model, callbacks, batches, initial_epoch)
    logs: dict[str, Any] = {}
    with Interrupt() as interrupt:
        position.guard = interrupt.step
        try:
            callbacks.on_train_begin()
            position.begin()
            for epoch in range(position.epoch, epochs):
                if position.stopped:
                    break
                if not batches.has_more():
                    warn(
                        f"The data ended with epoch {epoch} of {epochs}, so training stops. A generator can be walked "
                        "once: let it go on without end and set steps_per_epoch, or pass arrays or a PyDataset."
                    )
                    break
                callbacks.on_epoch_begin(epoch)
                position.begin_epoch(epoch)
                done, logs = _train_epoch(model, batches, callbacks, interrupt, position)
                batches.end_epoch()
                if batches.steps is not None and done < batches.steps:
                    model.stop_training = True  # the data ended early
                if validation is not None and _validates(epoch, validation_freq):
                    found = run_test(model, validation, callbacks, interrupt)
                    logs = {**logs, **{f"val_{k}": v for k, v in found.items()}}
                callbacks.on_epoch_end(epoch, logs)
                position.end_epoch(model.stop_training)
                if model.stop_training:
                    break
            position.finish()
        except KeyboardInterrupt:
            model.stop_training = position.interrupted = True
            position.finish()
            for callback in callbacks.callbacks:
                callback.say("Interrupted: training stops, what it learned so far stays.")
                break
        if hasattr(model.optimizer, "finalize_variable_values"):
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(logs)
    return model.history


def _callbacks(
    model: Any, given: Any, verbose: Any, epochs: int, steps: int | None, history: bool = False
) -> CallbackList:
    """The callbacks, with those that are always there; a CallbackList of the caller's own stays as it is."""
    shown = _verbosity(verbose)
    callbacks = given
    if not isinstance(given, CallbackList):
        callbacks = CallbackList(given, add_history=history, add_progbar=shown != 0, model=model)
    elif given.model is None:
        given.set_model(model)
    callbacks.set_params({"epochs": epochs, "steps": steps, "verbose": shown})
    return callbacks


def _verbosity(verbose: Any) -> int:
    if verbose == "auto":
        return 1
    if verbose in (0, 1, 2):
        return int(verbose)
    raise ArgumentError(f'verbose expects 0 (silent), 1 (bar), 2 (a line per epoch) or "auto"; received {verbose!r}.')


def _check_frequency(freq: Any) -> None:
    whole = isinstance(freq, (int, np.integer)) and freq >= 1
    if not whole and not isinstance(freq, (list, tuple, set, range)):
        raise ArgumentError(
            f"validation_freq expects a number of epochs, at least 1, or the epochs (from 1) after which to validate; "
            f"received {freq!r}."
        )


def _validates(epoch: int, freq: Any) -> bool:
    return (epoch + 1) % freq == 0 if isinstance(freq, (int, np.integer)) else epoch + 1 in freq


def _train_epoch(
    model: Any, batches: Any, callbacks: CallbackList, interrupt: Interrupt, position: Position
) -> tuple[int, dict[str, Any]]:
    """One epoch's batches, from where `position` stands: the number of steps done, and the epoch's logs."""
    returned: Any = None
    done = position.step
    for begin, done, run in _stretches(model._step_function("train"), batches, callbacks, position.step):
        callbacks.on_train_batch_begin(begin)
        with interrupt.step:
            returned = run()
        callbacks.on_train_batch_end(done - 1, lambda: read(model, returned))  # noqa: B023  # called at once or never
        position.stepped(done)
        if model.stop_training:
            break
    return done, read(model, returned)


def run_test(model: Any, batches: Any, callbacks: CallbackList, interrupt: Interrupt) -> dict[str, Any]:
    """Loss and metrics over all batches."""
    model.reset_metrics()
    model.stop_evaluating = False
    callbacks.on_test_begin()
    returned: Any = None
    for begin, done, run in _stretches(model._step_function("test"), batches, callbacks):
        callbacks.on_test_batch_begin(begin)
        with interrupt.step:
            returned = run()
        callbacks.on_test_batch_end(done - 1, lambda: read(model, returned))  # noqa: B023
        if model.stop_evaluating:
            break
    logs = read(model, returned)
    batches.end_epoch()
    callbacks.on_test_end(logs)
    return logs


def _stretches(
    step: StepFunction, batches: Any, callbacks: CallbackList, skip: int = 0
) -> Iterator[tuple[int, int, Callable]]:
    """An epoch as (first step, step after the last, function that runs them): single steps, or several in a row.

    The first `skip` steps are left out.

    Steps run in a row where the data lies in memory, the step is machine code, and no callback wants to look in between.
    """
    if not isinstance(batches, ArrayBatches):
        for n, batch in enumerate(batches.epoch()):
            if n >= skip:
                yield n, n + 1, functools.partial(step, batch, n)
        return
    done = 0
    ran = False  # whether a step was called, after which more can run in a row
    pace = 0.0  # seconds per step of the last stretch
    for first, last in batches.stretches():
        left_out = min(skip - done, last - first) if done < skip else 0
        n = first + left_out
        done += left_out
        while n < last:
            most = min(callbacks.due + 1 - done, last - n)
            if pace:
                most = min(most, max(int(STRETCH / pace), 1))
            rows = step.rows(batches, n, most) if most > 1 and ran else None
            if rows is None:
                count, run = 1, functools.partial(step, batches.batch(n), done)
            else:
                count, many = rows
                count = count if pace else min(count, 8)
                run = functools.partial(many, count)
            started = time.perf_counter()
            yield done, done + count, run
            ran = True
            if rows is not None:
                pace = (time.perf_counter() - started) / count
            n += count
            done += count


def read(model: Any, returned: Any) -> dict[str, Any]:
    """Logs as Python numbers: what a step of the user's own returned, or the metrics as they stand."""
    logs = returned if returned is not None else model.get_metrics_result()
    if not isinstance(logs, dict):
        raise ArgumentError(
            f"{model.label}: train_step, test_step and compute_metrics return a dictionary from names to numbers; "
            f"received {type(logs).__name__}."
        )
    return {k: v.item() if isinstance(v, Tensor) and v.size == 1 else np.asarray(v).tolist() for k, v in logs.items()}


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
    callbacks = _callbacks(model, callbacks, verbose, 1, batches.steps)
    with Interrupt() as interrupt:
        logs = run_test(model, batches, callbacks, interrupt)
    return logs if return_dict else as_list(logs)


def as_list(logs: dict[str, Any]) -> Any:
    """Logs as Keras returns them: the loss alone, or a list of the loss and the metrics."""
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def predict(model: Any, x: Any, *, batch_size: int | None, verbose: Any, steps: int | None, callbacks: Any) -> Any:
    """`Model.predict`: see there."""
    if type(x) is np.ndarray and callbacks is None and steps is None and verbose in (0, "auto"):
        if x.ndim and (len(x) <= 32 if batch_size is None else type(batch_size) is int and 0 < len(x) <= batch_size):
            return model.predict_on_batch(x)  # one batch: nothing to show, nothing to join
    if not is_stream(x):
        x = arrays(x, "x", model._data_dtype())
        if is_empty(x):
            return model.predict_on_batch(x)
    batches = make_batches(x, batch_size=batch_size, steps=steps, float_dtype=model._data_dtype())
    callbacks = _callbacks(model, callbacks, verbose, 1, batches.steps)
    step = model._step_function("predict")
    outputs: list[Any] = []
    model.stop_predicting = False
    with Interrupt() as interrupt:
        callbacks.on_predict_begin()
        for i, batch in enumerate(batches.epoch()):
            callbacks.on_predict_batch_begin(i)
            with interrupt.step:
                outputs.append(as_arrays(step(batch)))
            callbacks.on_predict_batch_end(i, lambda: {"outputs": outputs[-1]})
            if model.stop_predicting:
                break
        batches.end_epoch()
        callbacks.on_predict_end()
    return map_structure(lambda *parts: np.concatenate(parts), *outputs)

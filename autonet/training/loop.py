"""fit, evaluate and predict: epochs and batches around a model's steps."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autonet.callbacks.callback_list import CallbackList
from autonet.callbacks.reports import History
from autonet.common.switches import is_interactive_logging_enabled, limited
from autonet.common.trees import map_structure
from autonet.compiler.account import announcing
from autonet.core.tensor import Tensor
from autonet.distribution.parallel import rank
from autonet.errors import ArgumentError
from autonet.training.bad_data import NonFiniteReporter
from autonet.training.batches import ArrayBatches, is_stream, make_batches
from autonet.training.data import arrays, as_arrays, is_empty
from autonet.training.function import StepFunction
from autonet.training.interrupt import Interrupt
from autonet.training.position import Position

GROUP_SECONDS = 0.05  # of steps in a row, after which Ctrl-C is looked for
STOPS = {"train": "stop_training", "test": "stop_evaluating"}  # a model's attributes that end an epoch


def fit(
    model: Any,
    batches: Any,
    validation: Any,
    *,
    epochs: int,
    initial_epoch: int,
    verbose: Any,
    callbacks: Any,
    validation_freq: Any,
    reporter: NonFiniteReporter,
) -> History:
    """`Model.fit`, with its data as sources of batches.

    Going on from a backup, Ctrl-C and backups hang on the loop: they are `Position`'s, an extension of the callbacks.
    """
    epochs = limited("epochs", epochs)  # type: ignore[assignment]
    if validation is not None:
        _check_frequency(validation_freq)
    callbacks = _callbacks(model, callbacks, verbose, epochs, batches.steps, history=True)
    model.stop_training = False
    logs: dict[str, Any] = {}
    with Interrupt(model._ranks()) as interrupt, announcing(callbacks.compiling):
        position = model._position = Position(model, callbacks.callbacks, batches, initial_epoch, interrupt.step)
        with position.extending(callbacks):
            callbacks.on_train_begin()
            for epoch in position.epochs(epochs):
                callbacks.on_epoch_begin(epoch)
                logs = run_epoch("train", model, batches, callbacks, interrupt, position.step)
                if validation is not None and _validates(epoch, validation_freq):
                    found = validate(model, validation, callbacks, interrupt)
                    logs = {**logs, **{f"val_{k}": v for k, v in found.items()}}
                if position.journal is None:  # else TerminateOnNaN has more to say
                    reporter.epoch_ended(epoch, logs)
                callbacks.on_epoch_end(epoch, logs)
        if hasattr(model.optimizer, "finalize_variable_values"):
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(logs)
    model._is_built()  # a model without a call notices it here
    return model.history


def check_epochs(**counts: Any) -> None:
    """Refuse what is no number of epochs."""
    for name, value in counts.items():
        if not isinstance(value, (int, np.integer)) or value < 0:
            raise ArgumentError(
                f"fit expects {name} to be a whole number of at least 0; received {value!r}. Write {name}=10."
            )


def _callbacks(
    model: Any, given: Any, verbose: Any, epochs: int, steps: int | None, history: bool = False
) -> CallbackList:
    """The callbacks, with those that are always there; a CallbackList of the caller's own stays as it is."""
    shown = 0 if rank() else _verbosity(verbose)
    callbacks = given
    if not isinstance(given, CallbackList):
        callbacks = CallbackList(given, add_history=history, add_progbar=shown != 0, model=model)
    elif given.model is None:
        given.set_model(model)
    callbacks.set_params({"epochs": epochs, "steps": steps, "verbose": shown})
    return callbacks


def _verbosity(verbose: Any) -> int:
    if verbose == "auto":
        return 1 if is_interactive_logging_enabled() else 2
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


def run_epoch(
    which: str, model: Any, batches: Any, callbacks: CallbackList, interrupt: Interrupt, skip: int = 0
) -> dict[str, Any]:
    """One epoch of steps, "train" or "test", without the first `skip` of them.

    Returns: the logs at its end.
    """
    before, after = {
        "train": (callbacks.on_train_batch_begin, callbacks.on_train_batch_end),
        "test": (callbacks.on_test_batch_begin, callbacks.on_test_batch_end),
    }[which]
    returned: Any = None
    done = skip
    step = model._step_function(which)
    step.adopt(batches)
    with step.expecting(batches, (callbacks.params or {}).get("epochs", 1)):
        for first, done, run in step_groups(step, batches, callbacks, skip, model.steps_per_execution):
            before(first)
            with interrupt.step:
                returned = run()
            after(done - 1, lambda: read(model, returned))  # noqa: B023  # called at once or never
            if getattr(model, STOPS[which]):
                break
    logs = read(model, returned)
    batches.end_epoch()
    if which == "train" and batches.steps is not None and done < batches.steps:
        model.stop_training = True  # the data ended early
    return logs


def validate(model: Any, batches: Any, callbacks: CallbackList, interrupt: Interrupt) -> dict[str, Any]:
    """Loss and metrics over all batches."""
    model.reset_metrics()
    model.stop_evaluating = False
    callbacks.on_test_begin()
    logs = run_epoch("test", model, batches, callbacks, interrupt)
    callbacks.on_test_end(logs)
    return logs


def evaluate_training(model: Any, batches: Any) -> dict[str, Any]:
    """Loss and metrics over the data of a running `fit`, in its own order. Callbacks do not hear of it."""
    with Interrupt(model._ranks()) as interrupt:
        return validate(model, batches.again(model.label), CallbackList(), interrupt)


def step_groups(
    step: StepFunction, batches: Any, callbacks: CallbackList, skip: int = 0, together: int = 1
) -> Iterator[tuple[int, int, Callable]]:
    """An epoch as (first step, step after the last, function that runs them): single steps, or several in a row.

    The first `skip` steps are left out. With `together`, so many run in a row, or what is left.

    Else steps run in a row where the data lies in memory, the step is machine code, and no callback wants to look in between.
    """
    if together > 1 or not isinstance(batches, ArrayBatches):
        yield from _rows_of(together, step, batches, skip)
        return
    done = 0
    ran = False  # whether a step was called, after which more can run in a row
    pace = 0.0  # seconds per step of the last group
    for first, last in batches.ranges():
        left_out = min(skip - done, last - first) if done < skip else 0
        n = first + left_out
        done += left_out
        while n < last:
            most = min(callbacks.due + 1 - done, last - n)
            if pace:
                most = min(most, max(int(GROUP_SECONDS / pace), 1))
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


def _rows_of(count: int, step: StepFunction, batches: Any, skip: int) -> Iterator[tuple[int, int, Callable]]:
    """As `step_groups`, `count` steps in a row."""

    def run(first: int, held: list[Any]) -> Any:
        for n, batch in enumerate(held, first):
            returned = step(batch, n)
        return returned

    held: list[Any] = []
    n = 0
    for n, batch in enumerate(batches.epoch(), 1):
        if n > skip:
            held.append(batch)
        if len(held) == count:
            yield n - count, n, functools.partial(run, n - count, held)
            held = []
    if held:
        yield n - len(held), n, functools.partial(run, n - len(held), held)


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
    batches = make_batches(
        model._by_column(x), y, sample_weight, batch_size=batch_size, steps=steps, float_dtype=model._data_dtype()
    )
    callbacks = _callbacks(model, callbacks, verbose, 1, batches.steps)
    with Interrupt(model._ranks()) as interrupt, announcing(callbacks.compiling):
        logs = validate(model, batches, callbacks, interrupt)
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
        x = arrays(model._by_column(x), "x", model._data_dtype(), lazy=True)
        if is_empty(x):
            return model.predict_on_batch(x)
    batches = make_batches(x, batch_size=batch_size, steps=steps, float_dtype=model._data_dtype())
    step = model._step_function("predict")
    whole: Any = None
    if callbacks is None:  # else they hear of every batch
        batches, whole = step.share(batches)
    callbacks = _callbacks(model, callbacks, verbose, 1, batches.steps)
    outputs: list[Any] = []
    model.stop_predicting = False
    with Interrupt(model._ranks()) as interrupt, announcing(callbacks.compiling), step.expecting(batches):
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
    found = map_structure(lambda *parts: np.concatenate(parts), *outputs)
    return found if whole is None else whole(found)

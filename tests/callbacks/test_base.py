"""Callback and CallbackList: which hooks, in which order, and who is asked at all."""

import sys

import pytest

from autonet import callbacks
from autonet.callbacks import Callback, CallbackList, History, LambdaCallback, ProgbarLogger
from autonet.errors import ArgumentError, DataError

from .models import Counter, fit

HOOKS = [name for name in dir(Callback) if name.startswith("on_")]


class Diary(Callback):
    """Writes down every call."""

    def __init__(self):
        self.calls = []

    def __getattribute__(self, name):
        if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end"):
            calls = object.__getattribute__(self, "calls")
            return lambda *args: calls.append((name, *args))
        return object.__getattribute__(self, name)


def test_the_order_of_hooks():
    diary = Diary()
    model, _ = fit([diary], [{"loss": 1.0}], steps=1, evaluate=True)
    logs = {"loss": 1.0}
    assert diary.calls == [
        ("on_train_begin", {}),
        ("on_epoch_begin", 0, {}),
        ("on_train_batch_begin", 0, {}),
        ("on_train_batch_end", 0, logs),
        ("on_test_begin", {}),
        ("on_test_batch_begin", 0, {}),
        ("on_test_batch_end", 0, logs),
        ("on_test_batch_begin", 1, {}),
        ("on_test_batch_end", 1, logs),
        ("on_test_end", logs),
        ("on_epoch_end", 0, logs),
        ("on_train_end", logs),
    ]
    assert diary.model is model and diary.params == {"epochs": 1, "steps": 1, "verbose": 0}


def test_predict_hooks():
    diary = Diary()
    many = CallbackList([diary], model=Counter())
    many.on_predict_begin()
    many.on_predict_batch_begin(0)
    many.on_predict_batch_end(0, {"outputs": 3})
    many.on_predict_end()
    assert [c[0] for c in diary.calls] == [
        "on_predict_begin", "on_predict_batch_begin", "on_predict_batch_end", "on_predict_end"
    ]  # fmt: skip


def test_the_shorter_names_of_batch_hooks():
    seen = []

    class Short(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            seen.append(("end", batch, logs["loss"]))

    fit([Short()], [{"loss": 1.0}], steps=2, evaluate=True)
    assert seen == [("begin", 0), ("end", 0, 1.0), ("begin", 1), ("end", 1, 1.0)]


def test_default_callbacks_come_last_and_once():
    own = History()
    many = CallbackList([[Callback()], own], add_history=True, add_progbar=True, model=Counter(), verbose=1)
    assert [type(c) for c in many.callbacks] == [Callback, History, ProgbarLogger]
    assert many.model.history is own and many.params == {"verbose": 1}
    assert many.callbacks[2].params is many.params


def test_logs_are_not_computed_where_nobody_looks():
    def logs():
        raise AssertionError("computed")

    model, _ = fit([Callback(), LambdaCallback(on_epoch_end=lambda e, logs: None)], [{"loss": 1.0}], batch_logs=logs)
    assert model.history.history == {"loss": [1.0]}
    many = CallbackList([History()])
    assert many.due == sys.maxsize
    many.on_train_batch_end(5, logs)


def test_logs_are_computed_once_where_several_look():
    computed = []

    def logs():
        computed.append(1)
        return {"loss": 2.0}

    seen = []
    looker = lambda: LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append((batch, logs["loss"])))
    fit([looker(), looker()], [{"loss": 1.0}], steps=2, batch_logs=logs)
    assert len(computed) == 2 and seen == [(0, 2.0), (0, 2.0), (1, 2.0), (1, 2.0)]


def test_a_callback_that_looks_now_and_then():
    class Third(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.due, self.seen = 2, []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append(batch)
            self.due = batch + 3

    third = Third()
    fit([third], [{}, {}], steps=10)
    assert third.seen == [2, 5, 8]
    every = []
    fit([third, LambdaCallback(on_train_batch_end=lambda b, logs: every.append(b))], [{}], steps=10)
    assert third.seen == [2, 5, 8] and every == list(range(10))


def test_what_one_callback_adds_to_the_logs_later_ones_see():
    adder = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=epoch))
    model, _ = fit([adder], [{"loss": 1.0}, {"loss": 0.5}])
    assert model.history.history == {"loss": [1.0, 0.5], "extra": [0, 1]}


def test_history_starts_anew_with_each_fit():
    history = History()
    fit([history], [{"loss": 1.0}] * 3)
    fit([history], [{"loss": 2.0}])
    assert history.epoch == [0] and history.history == {"loss": [2.0]}


def test_say_is_silent_when_fit_or_the_callback_is(capsys):
    talker = Callback()
    for verbose in (0, 1, 2):
        talker.set_params({"verbose": verbose})
        talker.say(f"fit {verbose}")
    talker.set_params({"verbose": 0})
    talker.verbose = 1
    talker.say("own")
    talker.verbose = 0
    talker.say("silent")
    assert capsys.readouterr().out == "fit 1\nfit 2\nown\n"


@pytest.mark.parametrize(("wrong", "advice"), [(History, "Pass an instance"), (print, "Derive it")])
def test_what_is_no_callback_is_refused(wrong, advice):
    with pytest.raises(ArgumentError, match=advice):
        CallbackList([wrong])


def test_lambda_callback_calls_at_every_hook_and_refuses_others():
    for hook in HOOKS:
        seen = []
        args = (3, {"a": 1}) if "batch" in hook or "epoch" in hook else ({"a": 1},)
        getattr(LambdaCallback(**{hook: lambda *a: seen.append(a)}), hook)(*args)  # noqa: B023
        assert seen == [args]
    with pytest.raises(ArgumentError, match="on_epoch_end"):
        LambdaCallback(on_epoch_ends=print)


def test_every_callback_is_described():
    for value in vars(callbacks).values():
        if isinstance(value, type):
            assert value.__doc__


def test_state_that_a_later_hook_makes_comes_back():
    class Timer(Callback):
        count = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.began = 12.5
            self.count += 1

    first, second = Timer(), Timer()
    first.on_epoch_begin(0)
    second.set_state(*first.get_state())
    assert (second.began, second.count) == (12.5, 1)


@pytest.mark.parametrize("name", ["on_epoch_end", "model", "params", "__class__", "no name", "say"])
def test_a_backup_sets_values_only(name):
    with pytest.raises(DataError, match="has no such state"):
        Callback().set_state({name: 1}, {})


def test_extensions_come_after_all_callbacks():
    seen = []

    class Tells(Callback):
        def __init__(self, name):
            self.name = name

        def on_train_begin(self, logs=None):
            seen.append((self.name, "train"))

        def on_epoch_end(self, epoch, logs=None):
            seen.append((self.name, "epoch", epoch))

        def on_train_batch_end(self, batch, logs=None):
            seen.append((self.name, "batch", batch))

    many = CallbackList([Tells("a"), Tells("b")])
    many.extensions.append(Tells("last"))
    many.on_train_begin()
    many.on_train_batch_end(3, {})
    many.on_epoch_end(1, {})
    names = [name for name, *_ in seen]
    assert names == ["a", "b", "last"] * 3 and many.callbacks[-1].name == "b"

"""Arguments that do not exist, are missing or come twice: one error of one form, for every public callable."""

import inspect
import re

import pytest

import autonet as keras
from autonet import layers
from autonet.common.signatures import taken
from autonet.core.primitive import Primitive
from autonet.errors import SignatureError
from tests.common.test_lines import PACKAGES, public

FREE = {
    "callbacks.LambdaCallback",
    "callbacks.CallbackList",
    "tree.MAP_TO_NONE",
    "utils.Config",
}  # take any keyword, or are made otherwise
NAMES = {"Functional": "Model"} | {f"{n}olution{d}D": f"{n}{d}D" for n in ("Conv", "SeparableConv") for d in (2, 3)}
NEED_MORE = ("build", "compute_output_spec", "reset_states", "update", "update_state")  # an object that was really made


def callables():
    """Every public function, class and method: name, what is called, and the first arguments that it needs to be one."""
    for package in PACKAGES:
        for name, thing in public(package):
            if f"{package}.{name}" in FREE or (isinstance(thing, Primitive) and not thing.setting_names):
                continue
            yield f"{package}.{name}", thing, (), NAMES.get(name, thing.__name__)
            for method in vars(thing) if isinstance(thing, type) else ():
                f = getattr(thing, method)
                if (
                    method[0] != "_"
                    and method not in NEED_MORE
                    and inspect.isfunction(f)
                    and not method.startswith(("call", "on_"))
                ):
                    if not isinstance(inspect.getattr_static(thing, method), staticmethod):
                        yield (
                            f"{package}.{name}.{method}",
                            f,
                            (object.__new__(thing),),
                            f"{NAMES.get(name, thing.__name__)}.{method}",
                        )


CALLABLES = {name: rest for name, *rest in callables()}


def names_of(f):
    if isinstance(f, type):
        return taken(f.__init__, f)
    return [p.name for p in inspect.signature(f).parameters.values() if p.kind in (1, 3) and p.name != "self"]


def complaint(f, *args, **kwargs):
    with pytest.raises(TypeError) as told:
        f(*args, **kwargs)
    if str(told.value).endswith("() takes no arguments"):  # Python's word for classes without a constructor
        return None
    assert type(told.value) is SignatureError and isinstance(told.value, ValueError)
    assert told.value.__cause__ is None and (told.value.__context__ is None or told.value.__suppress_context__)
    return str(told.value)


@pytest.mark.parametrize("name", CALLABLES)
def test_an_argument_that_does_not_exist_is_named_with_the_nearest_that_does(name):
    f, first, who = CALLABLES[name]
    message = complaint(f, *first, qqqq=1)
    assert message is None or message.startswith(f"{who} has no argument 'qqqq'. Leave it out")
    for word in names_of(f) if message else ():
        if len(word) > 4 and word[0] != "_":
            wrong = word[:-2] + word[-1]
            if wrong not in names_of(f):
                message = complaint(f, *first, **{wrong: 1})
                assert f"has no argument {wrong!r}. Did you mean" in message and repr(word) in message


class Mine(layers.Dense):
    pass


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: keras.Model(inputs=keras.Input((2,)), outptus=1),
            "Model has no argument 'outptus'. Did you mean 'outputs'?",
        ),
        (lambda: keras.Model(inptus=1, outputs=2), "Model has no argument 'inptus'. Did you mean 'inputs'?"),
        (lambda: keras.Model(inputs=1), "Model expects inputs and outputs, or neither; received only inputs"),
        (lambda: keras.Sequential().fit(epoch=1), "Sequential.fit has no argument 'epoch'. Did you mean 'epochs'?"),
        (lambda: Mine(3, activaton="relu"), "Mine has no argument 'activaton'. Did you mean 'activation'?"),
        (lambda: Mine(), "Mine needs 'units', which it did not receive."),
        (lambda: Mine(3, units=3), "Mine received 'units' twice, by position and by name."),
        (
            lambda: keras.optimizers.SGD(0.1, 0.9, False, 0.1),
            "SGD takes at most 3 arguments by position (learning_rate, mom",
        ),
        (lambda: keras.utils.to_categorical([1], 2, 3), "to_categorical takes at most 2 arguments by position"),
        (lambda: keras.ops.mean([1.0], axs=0), "mean has no argument 'axs'. Did you mean 'axis'?"),
        (lambda: keras.ops.conv([1.0]), "conv needs 'kernel'"),
    ],
)
def test_what_is_wrong_is_said(call, text):
    with pytest.raises(ValueError, match="^" + re.escape(text)):
        call()


def test_the_users_own_functions_speak_for_themselves():
    class Own(layers.Layer):
        def __init__(self, width):
            super().__init__()

        def call(self, x):
            return len(3)

    with pytest.raises(TypeError, match=r"__init__\(\) got an unexpected keyword argument 'widht'"):
        Own(widht=3)
    with pytest.raises(TypeError, match="has no len"):
        Own(3)(keras.ops.ones((2, 2)))

"""Messages of errors: short, whatever was received."""

import pickle

import numpy as np
import pytest

import autonet as keras
from autonet import Input, errors, layers
from autonet.errors import AutonetError, ShapeError

X = np.zeros((640, 50), "float32")
RECEIVERS = {  # what takes something else than an array
    "Sequential": lambda x: keras.Sequential([x]),
    "Model": lambda x: keras.Model(Input((50,)), x),
    "Model of arrays": lambda x: keras.Model(x, x),
    "activation": lambda x: layers.Dense(3, activation=x),
    "units": lambda x: layers.Dense(x),
    "rate": lambda x: layers.Dropout(x),
    "learning rate": lambda x: keras.optimizers.Adam(x),
    "optimizer": lambda x: keras.Sequential([layers.Dense(1)]).compile(x, "mse"),
    "loss": lambda x: keras.Sequential([layers.Dense(1)]).compile("sgd", x),
    "shape": lambda x: Input(x),
}


@pytest.mark.parametrize("name", RECEIVERS)
@pytest.mark.parametrize(
    "given", [X, np.arange(999.0), -X[:7] + 1e-9, keras.Tensor(X), X != 0, X.tolist()], ids=range(6)
)
def test_messages_do_not_print_whole_arrays(name, given):
    try:
        RECEIVERS[name](given)
    except AutonetError as error:
        assert len(str(error)) < 700
        assert "\n" not in str(error)
        return
    except (TypeError, ValueError):
        return
    pytest.fail("an array was taken")


def test_names_are_not_cut():
    names = [f"dense_{i}" for i in range(200)]
    message = f"No layer of that name among {names} and {list(range(20))}."
    assert str(errors.ArgumentError(message)) == message


def test_errors_are_picklable():
    error = pickle.loads(pickle.dumps(ShapeError(f"Received {X.tolist()}. Reshape it.")))
    assert str(error).endswith(", ...]. Reshape it.")


@pytest.mark.parametrize("shape", [(7,), (28, 28, 1), (5, 3), (4, 1), (1,)])
@pytest.mark.parametrize("kind", ["Sequential", "nested", "Functional", "late"])
def test_one_sample_without_its_axis(shape, kind):
    """The message names the model that was called, the shape that came, and what to do."""
    x = Input(shape)
    model = {
        "Sequential": lambda: keras.Sequential([x, layers.Flatten()]),
        "nested": lambda: keras.Sequential([x, keras.Sequential([layers.Rescaling(2.0)]), layers.Flatten()]),
        "Functional": lambda: keras.Model(x, layers.Flatten()(x)),
        "late": lambda: keras.Sequential([layers.Flatten()]),
    }[kind]()
    model(np.zeros((2, *shape), "float32"))
    sample = np.zeros(shape, "float32")
    if shape == (1,):  # a lone feature without its axis
        assert model.predict(sample, verbose=0).shape == (1, 1)
        return
    for ask in (model, model.predict_on_batch, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(ShapeError) as caught:
            ask(sample)
        assert model.name in str(caught.value)
        assert f"received {shape}. The first axis counts the samples, and one sample lacks it: pass x[None]" in str(
            caught.value
        )
        assert ask(sample[None]).shape[0] == 1


@pytest.mark.parametrize("name", ["float12", "bfloat16", "mixed_bfloat16", "mixed_int8", "", "@float32"])
def test_a_dtype_that_is_none_is_a_wrong_value_and_a_wrong_type(name):
    """A ValueError, as in Keras, and a TypeError, as in NumPy; of bfloat16 it says what to take."""
    import autonet

    made = [autonet.DTypePolicy, autonet.config.set_dtype_policy, lambda x: autonet.layers.Dense(2, dtype=x)]
    if not name.startswith("mixed"):
        made += [
            lambda x: autonet.ops.zeros((2,), x),
            lambda x: autonet.ops.cast([1.0], x),
            lambda x: autonet.Variable(1.0, dtype=x),
        ]
    for make in made:
        with pytest.raises(ValueError, match="'mixed_float16'" if "bfloat" in name else "dtype") as caught:
            make(name)
        assert isinstance(caught.value, TypeError)

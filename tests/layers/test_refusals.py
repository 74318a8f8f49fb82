"""Arguments and inputs that layers refuse, as Keras does, and what counts as built from the start."""

import inspect

import numpy as np
import pytest

from autonet import Input, layers
from autonet.errors import ArgumentError, ShapeError

X = np.ones((4, 5, 3), "float32")

ARGUMENTS = {
    "noise_shape not whole": lambda: layers.Dropout(0.5, noise_shape=(20, 1.5, 10)),
    "noise_shape negative": lambda: layers.Dropout(0.5, noise_shape=(20, -1, 10)),
    "noise_shape zero": lambda: layers.Dropout(0.5, noise_shape=(20, 0, 10)),
    "repeated 0 times": lambda: layers.RepeatVector(0),
    "repeated -3 times": lambda: layers.RepeatVector(-3),
    "a length of -2": lambda: layers.Reshape((-2, 5)),
    "a length of 1.5": lambda: layers.Reshape((1.5, 5)),
    "half a cropping": lambda: layers.Cropping1D((1,)),
    "half a padding": lambda: layers.ZeroPadding1D((1,)),
    "rmin above rmax": lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 0.0, "rmin": 1.0}),
    "trainable is a word": lambda: layers.Dense(2, trainable="yes"),
    "trainable is a number": lambda: layers.Dense(2, trainable=1),
    "trainable is None": lambda: layers.Dense(2, trainable=None),
    "fractions as bins": lambda: layers.Hashing(3, dtype="float32"),
    "fractions as crossed bins": lambda: layers.HashedCrossing(3, dtype="float32"),
    **{
        f"strides and dilation of {name}": lambda name=name: getattr(layers, name)(1, 1, strides=2, dilation_rate=3)
        for name in sorted(dir(layers))
        if name.startswith(("Conv", "Separable"))
        and "dilation_rate" in inspect.signature(getattr(layers, name)).parameters
    },
}


@pytest.mark.parametrize("make", ARGUMENTS.values(), ids=list(ARGUMENTS))
def test_arguments(make):
    with pytest.raises(ArgumentError, match="expects|must be"):
        make()


@pytest.mark.parametrize("shape", [(5, 5), (4, 6), (4, 6, 2), (4, 1)])
@pytest.mark.parametrize("inner", [layers.Dense(2), layers.LayerNormalization()])
def test_masks_of_steps(inner, shape):
    with pytest.raises(ShapeError, match="one truth for each step"):
        layers.TimeDistributed(inner)(X, mask=np.ones(shape, bool))
    layers.TimeDistributed(inner)(X, mask=np.ones((4, 5), bool))


@pytest.mark.parametrize("shape", [(8, 5, 3), (1, 4, 5, 3), (2, 3), (4, 5, 2)])
def test_masks_of_a_softmax(shape):
    with pytest.raises(ShapeError, match="broadcasts"):
        layers.Softmax()(X, mask=np.ones(shape, bool))
    for fitting in ((4, 5, 3), (5, 3), (1, 1, 3), (4, 1, 1), (1,)):
        layers.Softmax()(X, mask=np.ones(fitting, bool))


MERGING = [
    cls
    for _, cls in sorted(vars(layers).items())
    if isinstance(cls, type) and issubclass(cls, layers.Layer) and cls is not layers.Dot and "merging" in cls.__module__
]


@pytest.mark.parametrize("cls", MERGING)
def test_masks_of_several_inputs(cls):
    a, b, merging = Input((4, 5)), Input((4, 5)), cls()
    assert merging.compute_mask([a, b], [None, None]) is None
    for inputs, mask in (([a, b], X), (a, [None, None]), ([a, b], [None])):
        with pytest.raises(ArgumentError, match="expects"):
            merging.compute_mask(inputs, mask)


WITHOUT_WEIGHTS = {
    "ReLU": (),
    "Softmax": (),
    "Activation": ("relu",),
    "Dropout": (0.5,),
    "GaussianNoise": (0.5,),
    "Flatten": (),
    "Reshape": ((-1,),),
    "GlobalMaxPooling1D": (),
    "MaxPooling1D": (2,),
    "UpSampling1D": (),
    "Identity": (),
}


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_a_build_of_the_users_own_is_called(name):
    cls, arguments = getattr(layers, name), WITHOUT_WEIGHTS[name]
    assert cls(*arguments).built

    class Own(cls):
        def build(self, input_shape):
            self.seen = input_shape

    made = Own(*arguments)
    assert not made.built
    made(X)
    assert made.built
    assert made.seen == X.shape

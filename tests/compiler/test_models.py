"""Models that train captured and models that train eagerly end in the same bits, whatever they are made of."""

import warnings

import numpy as np
import pytest

import autonet
from autonet import Sequential, layers, metrics, optimizers
from autonet.optimizers import schedules
from tests.compiler.models import (
    MODELS,
    assert_equal,
    captured_and_eager,
    data,
    state_of,
    trained,
)
from tests.compiler.programs import needs_compiler

L = layers


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model(name, numpy_only):
    build, xy, loss = MODELS[name]
    assert_equal(*captured_and_eager(build, xy, loss, epochs=8), xy)


OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.05),
    "nesterov": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: optimizers.Adam(0.01),
    "amsgrad, global norm": lambda: optimizers.Adam(0.01, amsgrad=True, global_clipnorm=0.5),
    "adamw, norm": lambda: optimizers.AdamW(0.01, weight_decay=0.02, clipnorm=0.5),
    "nadam": lambda: optimizers.Nadam(0.01),
    "adamax": lambda: optimizers.Adamax(0.01),
    "rmsprop, values": lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True, clipvalue=0.2),
    "adagrad": lambda: optimizers.Adagrad(0.05),
    "adadelta": lambda: optimizers.Adadelta(0.5),
    "lion": lambda: optimizers.Lion(0.005),
    "lamb": lambda: optimizers.Lamb(0.01),
    "ftrl": lambda: optimizers.Ftrl(0.05, l1_regularization_strength=0.01),
    "adafactor": lambda: optimizers.Adafactor(0.01),
    "accumulation": lambda: optimizers.SGD(0.05, momentum=0.9, gradient_accumulation_steps=3),
    "averages": lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7),
    "scaled loss": lambda: optimizers.SGD(0.05, loss_scale_factor=8.0),
    "dynamic scale": lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.05), dynamic_growth_steps=5),
    "several": lambda: optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.SGD(0.05), {".*kernel": optimizers.Adam(0.01)})
    ),
    "exponential": lambda: optimizers.SGD(schedules.ExponentialDecay(0.1, 10, 0.5)),
    "cosine": lambda: optimizers.SGD(schedules.CosineDecay(0.0, 60, warmup_target=0.1, warmup_steps=20)),
    "pieces": lambda: optimizers.SGD(schedules.PiecewiseConstantDecay([10, 40], [0.1, 0.05, 0.01])),
    "function": lambda: optimizers.SGD(lambda step: 0.1 / (1 + 0.1 * step)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_option_of_optimizers(name, numpy_only):
    build, xy, loss = MODELS["normalized"]
    autonet.utils.set_random_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast = trained(build, xy, loss, 16, optimizer=OPTIMIZERS[name]())  # 64 steps: past where schedules end
        slow = trained(build, xy, loss, 16, optimizer=OPTIMIZERS[name](), run_eagerly=True)
    assert_equal(fast, slow, xy)


METRICS = {
    "losses": lambda: [
        "mse",
        "mae",
        "cosine_similarity",
        "categorical_crossentropy",
        metrics.MeanSquaredLogarithmicError(),
    ],
    "classes": lambda: [
        "categorical_accuracy",
        metrics.TopKCategoricalAccuracy(2),
        metrics.Precision(),
        metrics.Recall(),
    ],
    "curves": lambda: [metrics.AUC(num_thresholds=9), metrics.BinaryAccuracy(), metrics.TruePositives()],
    "regression": lambda: [metrics.RootMeanSquaredError(), metrics.R2Score()],
}


@pytest.mark.parametrize("name", METRICS)
def test_every_kind_of_metric(name, numpy_only):
    x, y = data(5)
    build = lambda: Sequential([L.Dense(3, activation="softmax")])
    models = [
        trained(
            build, (x, np.eye(3, dtype=np.float32)[y]), "categorical_crossentropy", 5, metrics=METRICS[name](), **way
        )
        for way in ({}, {"run_eagerly": True})
    ]
    assert_equal(*models, (x, np.eye(3, dtype=np.float32)[y]))


@needs_compiler
@pytest.mark.parametrize("name", MODELS)
def test_native_steps_come_close(name):
    build, xy, loss = MODELS[name]
    xy = autonet.common.trees.map_structure(lambda a: a[:24], xy)  # whole batches: one run of the compiler
    fast = trained(build, xy, loss, epochs=5)
    slow = trained(build, xy, loss, epochs=5, run_eagerly=True)
    assert fast._functions["train"].compiled.last.plan.kind == "native"
    for ours, theirs in zip(state_of(fast), state_of(slow), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)


@needs_compiler
def test_a_functional_model_runs_the_code_of_the_same_sequential():
    x, y = data(12)
    stack = [L.Dense(8, activation="relu"), L.BatchNormalization(), L.Dropout(0.5), L.Dense(3)]
    inputs = autonet.Input((12,))
    outputs = inputs
    for layer in stack:
        outputs = layer.__class__.from_config(layer.get_config())(outputs)
    codes = []
    for model in (Sequential([autonet.Input((12,)), *stack]), autonet.Model(inputs, outputs)):
        model.compile("adam", autonet.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        model.fit(x, y, batch_size=10, verbose=0)
        codes.append(model.explain_step().code)
    assert codes[0] == codes[1]

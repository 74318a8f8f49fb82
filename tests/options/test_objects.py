"""Every option of losses, metrics, optimizers, schedules, initializers, regularizers and constraints does something."""

import functools

import numpy as np
import pytest

from autonet import Variable, constraints, initializers, layers, losses, metrics, models, optimizers, regularizers
from autonet.optimizers import schedules
from autonet.utils import set_random_seed
from tests.losses.table import CASES as LOSSES
from tests.metrics.table import CASES as METRICS
from tests.options.hints import silent
from tests.options.probe import UNSET, With, options, works


def classes(package, base, abstract=()):
    return {
        c.__name__: c
        for c in vars(package).values()
        if isinstance(c, type) and issubclass(c, base) and c is not base and c.__name__ not in abstract
    }


def drawn(case):
    rng = np.random.default_rng(1)
    y = case.y_true(rng, 6, 3), case.y_pred(rng, 6, 3)
    return [a.astype("float64" if a.dtype.kind == "f" else a.dtype) for a in y]


# Losses: a number

USUAL_LOSS = {
    "axis": 0,
    "dtype": "float64",
    "from_logits": True,
    "label_smoothing": 0.3,
    "reduction": "sum",
    "alpha": 0.9,
    "gamma": 1.0,
    "margin": 0.1,
    "delta": 0.1,
    "beta": 0.9,
    "q": 0.2,
}
OF_LOSSES = {
    ("BinaryFocalCrossentropy", "apply_class_balancing"): True,
    ("BinaryFocalCrossentropy", "alpha"): With(0.9, apply_class_balancing=True),
    ("Circle", "remove_diagonal"): With(False, gamma=1.0),
    ("SparseCategoricalCrossentropy", "ignore_class"): 0,
    ("SparseCategoricalCrossentropy", "axis"): With(0, transposed=True),
    ("BinaryCrossentropy", "axis"): With(0, reduction="none"),
    ("BinaryFocalCrossentropy", "axis"): With(0, reduction="none"),
    ("Dice", "reduction"): With("sum", axis=-1),
    ("Tversky", "reduction"): With("sum", axis=-1),
}


def loss(name, transposed=False, **given):
    """The loss of six samples; with `transposed`, scores come with the classes in front."""
    case = LOSSES[name]
    y, p = drawn(case)
    if transposed:
        y, p = y[:3], p[:3]
    given = {"dtype": "float32", **given}
    return case.cls(**given)(y.astype("float32") if y.dtype.kind == "f" else y, p.astype("float32"))


# Metrics: the result after two batches

USUAL_METRIC = {
    **USUAL_LOSS,
    "dtype": "float16",
    "threshold": 0.2,
    "thresholds": [0.2, 0.5],
    "class_id": 1,
    "top_k": 1,
    "num_thresholds": 3,
    "k": 1,
    "from_sorted_ids": True,
    "ignore_class": 1,
    "target_class_ids": (1,),
}
SQUARE = np.array([0, 2, 1]), np.random.default_rng(0).dirichlet(np.ones(3), 3)
DATA = {n: (np.eye(3)[np.arange(6) % 3], np.random.default_rng(0).dirichlet(np.ones(3), 6)) for n in
        ("CategoricalCrossentropy", "OneHotMeanIoU")}  # fmt: skip
OF_METRICS = {
    ("AUC", "curve"): "PR",
    ("AUC", "summation_method"): With("majoring", num_thresholds=5),
    ("AUC", "multi_label"): True,
    ("AUC", "num_labels"): With(2, multi_label=True),
    ("AUC", "label_weights"): With([0.7, 0.1, 0.2], multi_label=True),
    ("FBetaScore", "average"): "macro",
    ("FBetaScore", "beta"): 3.0,
    ("F1Score", "average"): "macro",
    ("R2Score", "class_aggregation"): None,
    ("R2Score", "num_regressors"): 1,
    ("IoU", "sparse_y_true"): False,
    ("IoU", "sparse_y_pred"): False,
    ("IoU", "axis"): With(0, sparse_y_pred=False, data=SQUARE),
    ("MeanIoU", "sparse_y_true"): False,
    ("MeanIoU", "sparse_y_pred"): False,
    ("MeanIoU", "axis"): With(0, sparse_y_pred=False, data=SQUARE),
    ("OneHotIoU", "sparse_y_pred"): True,
    ("OneHotIoU", "axis"): With(0, data=(np.eye(3)[[0, 2, 1]], SQUARE[1])),
    ("OneHotMeanIoU", "axis"): With(0, data=(np.eye(3)[[0, 2, 1]], SQUARE[1])),
    ("SparseCategoricalCrossentropy", "axis"): With(0, data=SQUARE),
    ("OneHotMeanIoU", "sparse_y_pred"): True,
}


def metric(name, data=None, **given):
    case = next(c for n, c in METRICS.items() if c.cls.__name__ == name)
    given = {**{k: v for k, v in case.arguments.items() if k not in options(case.cls)}, **given}
    y, p = data or DATA.get(name) or drawn(case)
    m = case.cls(**given)
    m.update_state(y, p)
    m.update_state(y[::-1], p)
    return m.result(), m.variables


# Optimizers: a weight after some steps

USUAL_OPTIMIZER = {
    "learning_rate": 0.5,
    "momentum": 0.7,
    "nesterov": With(True, momentum=0.5),
    "weight_decay": 0.3,
    "clipnorm": 0.1,
    "clipvalue": 0.1,
    "global_clipnorm": 0.1,
    "use_ema": True,
    "ema_momentum": With(0.5, use_ema=True),
    "ema_overwrite_frequency": With(2, use_ema=True),
    "loss_scale_factor": 64.0,
    "gradient_accumulation_steps": 2,
    "rho": 0.5,
    "epsilon": 0.5,
    "centered": True,
    "beta_1": 0.3,
    "beta_2": 0.3,
    "amsgrad": True,
    "initial_accumulator_value": 0.7,
    "learning_rate_power": -0.9,
    "l1_regularization_strength": 0.3,
    "l2_regularization_strength": 0.3,
    "l2_shrinkage_regularization_strength": 0.3,
    "beta": 0.5,
    "beta_2_decay": -0.2,
    "epsilon_1": 0.5,
    "epsilon_2": 5.0,
    "clip_threshold": 0.2,
    "relative_step": With(False, learning_rate=0.9),
    "warmup_steps": 3,
    "damping": 30.0,
    "curvature": "hessian",
    "cg_iterations": 1,
    "tolerance": 0.5,
    "decay": 0.1,
    "precondition": True,
    "history": 1,
    "initial_scale": 4.0,
    "dynamic_growth_steps": 1,
}
OF_OPTIMIZERS = {
    ("LBFGS", "evaluations"): With(1, learning_rate=50.0),
    ("Muon", "nesterov"): False,
    **{("Muon", k): v for k, v in {
        "adam_beta_1": 0.3, "adam_beta_2": 0.3, "adam_weight_decay": 0.5, "exclude_layers": ["kernel"],
        "exclude_embeddings": False, "muon_a": 2.0, "muon_b": -3.0, "muon_c": 1.0, "adam_lr_ratio": 3.0, "ns_steps": 2,
        "rms_rate": 0.5, "momentum": 0.2,
    }.items()},
}  # fmt: skip


def optimizer(name, **given):
    """Weights, averages and the scaled loss after five steps, gradients of zero among them."""
    cls, rng = getattr(optimizers, name), np.random.default_rng(2)
    ws = [Variable(rng.normal(size=s), name=n) for s, n in (((4, 3), "kernel"), ((3,), "bias"), ((4, 3), "embeddings"))]
    if name == "LossScaleOptimizer":
        made = cls(optimizers.SGD(0.1), **given)
    elif name == "MultiOptimizer":
        made = cls(optimizers.OptimizerMap(optimizers.SGD(0.1)), **given)
    else:
        made = cls(**given)
    if made.needs_function:
        return searched(made)
    made.build(ws)
    found = []
    for step in range(5):
        gradients = [(rng.normal(size=w.shape) * (0.2 if step else 3)).astype("float32") for w in ws]
        scaled = made.scale_loss(np.float32(1.0))
        made.apply([g * float(scaled) for g in gradients], ws)
        found.append([scaled, *[w.numpy() for w in ws]])
    made.finalize_variable_values(ws)
    return [*found, *[w.numpy() for w in ws]]


def searched(made):
    """Weights after each of five steps of an optimizer that needs the loss as a function of the weights."""
    rng = np.random.default_rng(2)
    set_random_seed(0)
    model = models.Sequential([layers.Input((4,)), layers.Dense(3, activation="tanh"), layers.Dense(2)])
    model.compile(made, "mse", run_eagerly=True)
    x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 2))
    return [[model.train_on_batch(x, y), *model.get_weights()] for _ in range(5)]


# Schedules: rates

OF_SCHEDULES = {
    "ByEpoch": ((lambda epoch: epoch * 0.1,), {"steps_per_epoch": 2}),
    "CosineDecay": (
        (0.1, 10),
        {"alpha": 0.5, "warmup_target": With(0.5, warmup_steps=3), "warmup_steps": With(5, warmup_target=0.5)},
    ),
    "CosineDecayRestarts": ((0.1, 4), {"t_mul": 1.0, "m_mul": 0.5, "alpha": 0.5}),
    "ExponentialDecay": ((0.1, 4, 0.5), {"staircase": True}),
    "FunctionSchedule": ((lambda step: step * 0.1,), {"steps_per_epoch": 2}),
    "InverseTimeDecay": ((0.1, 4, 0.5), {"staircase": True}),
    "PiecewiseConstantDecay": (([2], [0.1, 0.2]), {}),
    "PolynomialDecay": ((0.1, 5), {"end_learning_rate": 0.05, "power": 2.0, "cycle": True}),
}


def rates(name, **given):
    made = getattr(schedules, name)(*OF_SCHEDULES[name][0], **given)
    return [made(step) for step in range(12)]


# Initializers: two draws; regularizers, constraints: what becomes of a matrix

OF_INITIALIZERS = {
    "seed": 11,
    "input_axes": With((0, 1), output_axes=(2,)),
    "output_axes": With((1, 2), input_axes=(0,)),
    "value": 3.0,
    "gain": 3.0,
    "mean": 3.0,
    "stddev": 3.0,
    "minval": -3.0,
    "maxval": 3.0,
    "scale": 3.0,
    "mode": "fan_out",
    "distribution": "uniform",
}


def weights(name, **given):
    set_random_seed(3)
    made = getattr(initializers, name)(**given)
    shape = (4, 4) if name in ("Identity", "Orthogonal") else (2, 3, 5)
    return made(shape), made(shape)


MATRIX = np.random.default_rng(3).normal(size=(4, 3)).astype("float32") * np.array([3, 3, 0.01], "float32")
OF_PENALTIES = {"l1": 0.5, "l2": 0.5, "factor": 0.5, "mode": "columns"}
OF_PROJECTIONS = {"axis": 1, "max_value": 0.7, "min_value": 0.6, "rate": 0.4}


def penalty(name, **given):
    return getattr(regularizers, name)(**given)(MATRIX)


def projection(name, **given):
    return getattr(constraints, name)(**given)(MATRIX)


# (what is made, how it is tried, values by (name, option) and by option)
KINDS = {
    "losses": (classes(losses, losses.Loss, {"LossFunctionWrapper", "Scaled"}), loss, OF_LOSSES, USUAL_LOSS),
    "metrics": (
        classes(metrics, metrics.Metric, {"MeanMetricWrapper", "Mean", "Sum"}),
        metric,
        OF_METRICS,
        USUAL_METRIC,
    ),
    "optimizers": (classes(optimizers, optimizers.Optimizer), optimizer, OF_OPTIMIZERS, USUAL_OPTIMIZER),
    "schedules": (
        classes(schedules, schedules.LearningRateSchedule),
        rates,
        {(n, o): v for n, (_, values) in OF_SCHEDULES.items() for o, v in values.items()},
        {},
    ),
    "initializers": (
        classes(initializers, initializers.Initializer, {"RandomInitializer"}),
        weights,
        {},
        OF_INITIALIZERS,
    ),
    "regularizers": (classes(regularizers, regularizers.Regularizer), penalty, {}, OF_PENALTIES),
    "constraints": (classes(constraints, constraints.Constraint), projection, {}, OF_PROJECTIONS),
}
CHECKS = [
    (kind, n, o)
    for kind, (found, *_) in KINDS.items()
    for n, c in found.items()
    for o in options(c)
    if not silent(n, o)
]


@functools.cache
def effect_of(kind, name):
    return functools.partial(KINDS[kind][1], name)


@pytest.mark.parametrize("kind, name, option", CHECKS, ids=["-".join(c) for c in CHECKS])
def test_object(kind, name, option):
    *_, own, usual = KINDS[kind]
    value = own.get((name, option), usual.get(option, UNSET))
    assert value is not UNSET, f"the table has no value for {name}({option}=...)"
    assert works(effect_of(kind, name), option, value), f"{name}({option}=...) does nothing"

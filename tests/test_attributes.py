"""What Keras users read off objects: the arguments of constructors, and counts, functions and parts by Keras's names."""

import inspect

import numpy as np
import pytest

from autonet import callbacks, constraints, initializers, layers, losses, metrics, ops, optimizers, regularizers
from autonet.errors import ArgumentError, ShapeError

HIDDEN = {"name", "dtype", "args", "kwargs", "old", "common"}
WITHOUT = {  # what says how it is made, or that it has none
    "CallbackList": {"add_history", "add_progbar"},
    "TensorBoard": {"profile_batch", "embeddings_freq", "embeddings_metadata"},
}


def classes():
    for package in (
        losses,
        metrics,
        optimizers,
        optimizers.schedules,
        callbacks,
        initializers,
        regularizers,
        constraints,
    ):
        for name, cls in sorted(vars(package).items()):
            if not (isinstance(cls, type) and cls.__module__.startswith(package.__name__)):
                continue
            parameters = [p for p in inspect.signature(cls).parameters.values() if p.kind is not p.VAR_KEYWORD]
            if all(p.default is not p.empty for p in parameters if p.kind is not p.VAR_POSITIONAL):
                marks = [pytest.mark.extra("tensorboard")] if name == "TensorBoard" else ()
                yield pytest.param(cls, id=f"{package.__name__}.{name}", marks=marks)


@pytest.mark.parametrize("cls", list(classes()))
def test_arguments_are_attributes(cls):
    try:
        made = cls()
    except ArgumentError:
        pytest.fail(f"{cls.__name__} refuses its own defaults")
    hidden = HIDDEN | WITHOUT.get(cls.__name__, set())
    lacking = [p for p in inspect.signature(cls).parameters if p not in hidden and not hasattr(made, p)]
    assert not lacking


@pytest.mark.parametrize(
    "made", [losses.BinaryCrossentropy(), metrics.BinaryCrossentropy(), metrics.TopKCategoricalAccuracy()]
)
def test_an_argument_that_is_set_counts(made):
    name, new = ("k", 1) if hasattr(made, "k") else ("label_smoothing", 0.5)
    y, p = np.array([[1.0, 0.0, 0.0]], "float32"), np.array([[0.2, 0.7, 0.1]], "float32")
    setattr(made, name, new)
    fresh = type(made)(**{name: new})
    assert getattr(made, name) == new
    assert float(made(y, p)) == float(fresh(y, p))
    assert type(made).from_config(made.get_config()).get_config() == made.get_config()
    with pytest.raises(AttributeError, match="no attribute"):
        _ = made.smoothing


Y, P = np.array([0, 1, 1, 0, 1]), np.array([0.6, 0.9, 0.2, 0.1, 0.8])


@pytest.mark.parametrize(
    ("metric", "counts"),
    [
        (metrics.Precision(), {"true_positives": 2, "false_positives": 1}),
        (metrics.Recall(), {"true_positives": 2, "false_negatives": 1}),
        (metrics.TrueNegatives(), {"accumulator": 1}),
        (
            metrics.SensitivityAtSpecificity(0.5, num_thresholds=1),
            {"true_positives": 2, "false_positives": 1, "true_negatives": 1, "false_negatives": 1},
        ),
        (metrics.AUC(thresholds=[0.5]), {"true_positives": [3, 2, 0], "false_positives": [2, 1, 0]}),
    ],
)
def test_counts(metric, counts):
    for _ in range(2):
        metric.update_state(Y, P)
        for name, expected in counts.items():
            np.testing.assert_array_equal(np.ravel(getattr(metric, name)), np.ravel(expected))
        assert len({id(v) for v in metric.variables}) == len(metric.variables)
        metric.reset_state()


def test_whole_numbers_as_predictions():
    """Thresholds lie between 0 and 1, whatever type the answers have."""
    for dtype in ("int64", "bool", "uint8", "float64"):
        assert float(metrics.AUC()(Y, Y.astype(dtype))) == 1
        assert float(metrics.Precision()(Y, Y.astype(dtype))) == 1


def test_label_weights_without_multi_label():
    y, p = np.array([[0, 0, 1, 1]] * 2).T, np.array([[0.0, 0.5, 0.3, 0.9], [0.1, 0.2, 0.3, 0.4]]).T
    auc = metrics.AUC(num_thresholds=5, label_weights=[0.75, 0.25])
    assert float(auc(y, p)) == pytest.approx(1 - (1 - 0.375) * 0.375 / 2)
    double = metrics.AUC(num_thresholds=5, label_weights=[0.75, 0.25])
    assert float(double(y, p, [2, 2, 2, 2])) == pytest.approx(float(auc.result()))
    with pytest.raises(ShapeError, match="one label weight"):
        metrics.AUC(label_weights=[1.0])(y, p)


@pytest.mark.parametrize("metric", [metrics.Precision(class_id=2), metrics.Recall(class_id=0)])
def test_a_class_is_one_of_several(metric):
    with pytest.raises(ShapeError, match="classes"):
        metric(Y, P)


def test_matrix_of_a_mean_iou():
    metric = metrics.MeanIoU(2)
    metric.update_state([0, 1, 1], [0, 1, 0])
    np.testing.assert_array_equal(metric.total_cm, [[1, 0], [1, 1]])


def test_direction_of_what_is_monitored():
    for mode, expected in (("min", ops.less), ("max", ops.greater)):
        stopping = callbacks.EarlyStopping(mode=mode)
        assert stopping.monitor_op is None
        stopping.on_train_begin()
        assert stopping.monitor_op is expected


def test_parts_of_attention():
    attention = layers.MultiHeadAttention(2, 3)
    attention.build((None, 4, 6), (None, 4, 6))
    shapes = [getattr(attention, f"{x}_dense").kernel.shape for x in ("query", "key", "value", "output")]
    assert shapes == [(6, 2, 3)] * 3 + [(2, 3, 6)]


def test_modes_of_pooling():
    assert layers.MaxPooling2D().pool_mode == "max"
    assert layers.AveragePooling1D(2).pool_mode == "average"


def test_steps_of_muon():
    x = np.array([[0.2499, 0.9105], [0.2655, 0.8824]], "float32")
    near = optimizers.Muon().zeropower_via_newtonschulz5(ops.array(x), 5)
    np.testing.assert_allclose(near, [[-0.4422, 0.6457], [0.7285, 0.2968]], atol=1e-3)  # as Keras has it
    np.testing.assert_allclose(optimizers.Muon(rms_rate=None).lr_adjust(ops.array(x)), x)
    np.testing.assert_allclose(
        optimizers.Muon(rms_rate=0.5).lr_adjust(ops.ones((4, 9))), np.full((4, 9), 1.5), rtol=1e-6
    )


@pytest.mark.parametrize(
    "option", ["weight_decay", "clipnorm", "use_ema", "ema_momentum", "gradient_accumulation_steps"]
)
def test_options_go_to_the_optimizer_inside(option):
    default = {"use_ema": False, "ema_momentum": 0.99}.get(option)
    optimizers.LossScaleOptimizer(optimizers.SGD(), **{option: default}, dynamic=True)  # as in older configurations
    with pytest.raises(ArgumentError, match="the optimizer inside"):
        optimizers.LossScaleOptimizer(optimizers.SGD(), **{option: 2})
    with pytest.raises(ArgumentError, match="loss_scale_factor"):
        optimizers.LossScaleOptimizer(optimizers.SGD(), dynamic=False)
    with pytest.raises(ArgumentError, match="no argument"):
        optimizers.LossScaleOptimizer(optimizers.SGD(), decay=0.1)

"""Intersection over union."""

import numpy as np
import pytest

from autonet import metrics
from autonet.core import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.metrics.overlap import confusion_matrix
from tests.ops.cases import Case, integers, reals

SHAPES = [((5,), (5,), (5,)), ((2, 3), (2, 3), (2, 3)), ((0,), (0,), (0,))]
CASES = {
    "confusion_matrix": Case(
        integers(0, 3), integers(0, 3), reals(0, 2), shapes=SHAPES, settings={"classes": 3}, zero=True, half=False
    ),
}


def test_matrix(rng):
    truth, guess, weight = rng.integers(0, 3, 20), rng.integers(0, 3, 20), rng.uniform(size=20)
    expected = np.zeros((3, 3))
    np.add.at(expected, (truth, guess), weight)
    np.testing.assert_allclose(confusion_matrix(truth, guess, weight, classes=3), expected)


@pytest.mark.parametrize("given", [[0, 3], [-1, 0], [0.5, 0.0]])
def test_numbers_that_name_no_class_are_refused(given):
    with pytest.raises(DataError, match="class numbers"):
        metrics.MeanIoU(num_classes=3).update_state(given, [0, 0])
    with pytest.raises(DataError, match="predicted"):
        metrics.MeanIoU(num_classes=3).update_state([0, 0], given)


def test_fractions_of_weights_count():
    metric = metrics.MeanIoU(num_classes=2)
    metric.update_state([0, 0, 1, 1], [0, 1, 0, 1], sample_weight=[0.3, 0.3, 0.3, 0.1])
    assert metric.result().item() == pytest.approx(0.23809525)
    assert metrics.MeanIoU(num_classes=2, dtype="int32").dtype == "float32"  # as configurations of Keras say


def test_classes_that_are_not_there_are_left_out():
    truth, guess = [0, 0, 1, 1], [0, 1, 0, 1]
    assert metrics.MeanIoU(num_classes=9)(truth, guess).item() == pytest.approx(1 / 3)
    assert metrics.IoU(num_classes=9, target_class_ids=[7])(truth, guess).item() == 0


def test_ignored_labels_and_masks():
    metric = metrics.MeanIoU(num_classes=2, ignore_class=255)
    assert metric([0, 0, 1, 255], [0, 1, 0, 1]).item() == pytest.approx(1 / 6)
    guess = Tensor(np.array([[0, 1], [0, 1]]))
    guess._mask = convert_to_tensor(np.array([[True, True], [True, False]]))
    assert metrics.MeanIoU(num_classes=2)([[0, 0], [1, 1]], guess).item() == pytest.approx(1 / 6)


def test_scores_along_any_axis(rng):
    scores = rng.uniform(size=(4, 5, 3))
    truth = np.eye(3)[rng.integers(0, 3, (4, 5))]
    expected = metrics.MeanIoU(num_classes=3)(truth.argmax(-1), scores.argmax(-1)).item()
    assert metrics.OneHotMeanIoU(num_classes=3)(truth, scores).item() == expected
    first = np.moveaxis(truth, -1, 1), np.moveaxis(scores, -1, 1)
    assert metrics.OneHotMeanIoU(num_classes=3, axis=1)(*first).item() == expected


def test_yes_begins_at_the_threshold():
    assert metrics.BinaryIoU()([0, 1, 0, 1], [0.1, 0.5, 0.5, 0.7]).item() == pytest.approx((0.5 + 2 / 3) / 2)


def test_refusals():
    with pytest.raises(ArgumentError, match="from 0 to 1"):
        metrics.BinaryIoU(target_class_ids=[2])
    with pytest.raises(ArgumentError, match="at least one"):
        metrics.IoU(num_classes=3, target_class_ids=[])
    with pytest.raises(ShapeError, match="sparse_y_pred"):
        metrics.MeanIoU(num_classes=3).update_state([0, 1], [[0.1, 0.2, 0.7], [0.2, 0.2, 0.6]])

"""What a History finds in curves that were drawn, and in real trainings."""

import numpy as np
import pytest

import autonet as keras
from autonet import layers
from autonet.callbacks import History
from autonet.callbacks.history_findings import stops_rising
from tests.callbacks.nets import FLAT, LABELS

E = np.arange(1, 401)


def drawn(**curves):
    """A History of these curves."""
    history = History()
    for n in range(len(next(iter(curves.values())))):
        history.on_epoch_end(n, {name: float(values[n]) for name, values in curves.items()})
    return history


def kinds(findings):
    return [f.kind for f in findings]


def test_overfitting_begins_by_cost_and_later_by_accuracy():
    history = drawn(
        loss=2 * np.exp(-E / 20), val_loss=0.4 + np.exp(-E / 5) + 0.002 * E,
        accuracy=1 - 0.9 * np.exp(-E / 20), val_accuracy=np.minimum(0.82 - 0.7 * np.exp(-E / 60), 0.815),
    )  # fmt: skip
    found = history.diagnose()
    assert kinds(found) == ["variance", "over-fitting"]
    turn = int(np.argmin(history.history["val_loss"]))
    assert found[1].epoch == turn and found[1].value == min(history.history["val_loss"])
    rises = 1 + stops_rising(np.array(history.history["val_accuracy"]))
    assert f"by the loss from epoch {turn + 1} on" in found[1].text
    assert f"by the accuracy from epoch {rises} on" in found[1].text and 200 < rises < 300
    assert found[0].value == pytest.approx(0.185, abs=1e-3) and "18.50 % at the end" in found[0].text


BIASED = dict(loss=[2, 1.2, 1, 1, 1], val_loss=[2, 1.3, 1.05, 1.04, 1.04], accuracy=[0.3, 0.6, 0.7, 0.7, 0.7])
BIASED |= dict(val_accuracy=[0.3, 0.6, 0.68, 0.69, 0.69])


def test_bias_is_what_is_above_the_noise_floor():
    assert kinds(drawn(**BIASED).diagnose()) == ["bias"]
    (found,) = drawn(**BIASED).diagnose(noise_floor=0.1)
    assert found.value == pytest.approx(0.2) and "20.00 % above the noise floor of 10.00 %" in found.text
    assert kinds(drawn(**BIASED).diagnose(noise_floor=0.295)) == ["healthy"]


def test_bias_and_variance_may_both_be_there():
    found = drawn(accuracy=[0.8] * 5, val_accuracy=[0.65] * 5, loss=[1.0] * 5, val_loss=[1.5] * 5).diagnose()
    assert kinds(found) == ["bias", "variance"] and [f.value for f in found] == [
        pytest.approx(0.2),
        pytest.approx(0.15),
    ]


def test_losses_without_an_accuracy():
    assert kinds(drawn(loss=[1, 0.2, 0.1, 0.1, 0.1], val_loss=[1, 0.3, 0.3, 0.3, 0.3]).diagnose()) == ["variance"]
    assert kinds(drawn(loss=[1, 0.3, 0.3, 0.3], val_loss=[1, 0.31, 0.31, 0.31]).diagnose()) == ["healthy"]
    assert kinds(drawn(loss=[1, 0.3, 0.3, 0.3], val_loss=[1, 0.31, 0.31, 0.31]).diagnose(0.1)) == ["bias"]


def test_a_training_that_ends_too_early():
    found = drawn(loss=[2, 1.5, 1.2, 1.1], val_loss=[2, 1.6, 1.3, 1.2]).diagnose()
    assert kinds(found) == ["too short"] and "to 1.2 from 1.3 an epoch before" in found[0].text


def test_a_loss_that_is_no_number():
    (found,) = drawn(loss=[2.0, np.nan, np.nan]).diagnose()
    assert found.kind == "diverged" and found.epoch == 1 and "from epoch 2 on" in found.text


def test_without_validation_or_epochs():
    (found,) = drawn(loss=[1.0, 0.5], accuracy=[0.9, 0.995]).diagnose()
    assert found.kind == "healthy" and "pass validation_data" in found.text
    assert kinds(History().diagnose()) == ["nothing"]


def test_validation_may_be_rarer():
    history = History()
    for n in range(20):
        late = {"val_loss": [0.9, 0.5, 0.7, 0.9, 1.1][n // 4]} if n % 4 == 3 else {}
        history.on_epoch_end(n, {"loss": 1.0 / (n + 1), **late})
    found = history.diagnose()
    assert kinds(found) == ["variance", "over-fitting"] and found[1].epoch == 7 and "from epoch 8 on" in found[1].text


def train(model, rows, epochs, **options):
    keras.utils.set_random_seed(3)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(
        FLAT[:rows], LABELS[:rows], epochs=epochs, verbose=0, validation_data=(FLAT[-400:], LABELS[-400:]), **options
    )


def test_real_trainings():
    few = train(keras.Sequential([layers.Dense(64, "relu"), layers.Dense(10, "softmax")]), 60, 60, batch_size=10)
    assert "variance" in kinds(few.diagnose()) and "bias" not in kinds(few.diagnose())
    narrow = train(keras.Sequential([layers.Dense(1, "tanh"), layers.Dense(10, "softmax")]), 480, 20)
    assert kinds(narrow.diagnose())[0] == "bias"


@pytest.mark.extra("plot")
def test_the_picture_shows_loss_and_metrics():
    figure = drawn(**BIASED, learning_rate=[0.1] * 5).plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert [[line.get_label() for line in axes.lines] for axes in figure.axes] == [["training", "validation"]] * 2
    assert all(axes.get_xlabel() == "epoch" for axes in figure.axes)
    assert figure._repr_png_().startswith(b"\x89PNG")

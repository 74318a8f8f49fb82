"""A validation part that lacks classes is told where it cannot be an accident, and nowhere else."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras
from autonet.training.missing_classes import tell_missing_classes

EYE = np.eye(4, dtype="float32")


def told(loss, y, fraction=0.2):
    """What is said of these targets."""
    cut = int(np.floor(len(y) * (1 - fraction)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tell_missing_classes(loss, y[:cut], y[cut:], fraction)
    return [str(w.message) for w in caught]


def fitted(loss, y, units, **options):
    model = keras.Sequential([keras.layers.Dense(units, activation=None if loss == "mse" else "softmax")])
    model.compile("sgd", loss)
    model.fit(np.zeros((len(y), 2)), y, validation_split=0.2, verbose=0, batch_size=50, **options)


LABELS = np.repeat(np.arange(4), 50)


@pytest.mark.parametrize(
    "loss, y",
    [
        ("sparse_categorical_crossentropy", LABELS),
        ("sparse_categorical_crossentropy", LABELS[:, None].astype("float32")),
        ("categorical_crossentropy", EYE[LABELS]),
    ],
)
def test_sorted_labels_are_told_with_what_to_do(loss, y):
    expected = r"takes the last 40 of 200 rows, which lack 3 of 4 classes \(0, 1, 2\).*Shuffle x and y.*utils.split"
    with pytest.warns(UserWarning, match=expected) as caught:
        fitted(loss, y, 4, epochs=2)
    assert len(caught) == 1 and caught[0].filename == __file__


def test_shuffled_labels_numbers_and_validation_data_are_not(rng):
    fitted("sparse_categorical_crossentropy", rng.permutation(LABELS), 4)
    fitted("mse", LABELS.astype("float32")[:, None], 1)
    fitted("sparse_categorical_crossentropy", LABELS, 4, validation_data=(np.zeros((4, 2)), np.zeros(4)))


@given(st.integers(2, 300), st.integers(20, 3000), st.sampled_from([0.02, 0.1, 0.2, 0.5]), st.integers(0, 2**32 - 1))
def test_no_alarm_for_rows_in_a_random_order(classes, n, fraction, seed):
    """Few or many classes, even or as uneven as words are."""
    rng = np.random.default_rng(seed)
    for shares in (np.ones(classes), 1 / np.arange(1, classes + 1), 0.5 ** np.arange(classes)):
        y = rng.choice(classes, n, p=shares / shares.sum())
        if 0 < int(n * fraction) < n:
            assert told("sparse_categorical_crossentropy", y, fraction) == []


@given(st.integers(2, 300), st.integers(10, 40), st.sampled_from([0.1, 0.2, 0.5]))
def test_sorted_rows_are_told_for_any_number_of_classes(classes, each, fraction):
    y = np.repeat(np.arange(classes), each)
    if classes * each * fraction < 20:
        return
    assert len(told("sparse_categorical_crossentropy", y, fraction)) == 1


@pytest.mark.parametrize("loss", ["binary_crossentropy", keras.losses.Hinge(), keras.losses.binary_crossentropy])
def test_losses_of_two_classes(loss):
    assert "lack 1 of 2 classes" in told(loss, np.repeat([0.0, 1.0], 100))[0]
    assert "(-1)" in told(loss, np.repeat([-1, 1], 100)[:, None])[0]


def test_targets_that_are_no_classes():
    many = (np.arange(200)[:, None] >= np.arange(4) * 50).astype("float32")  # several ones in a row
    for y in (many, np.linspace(0, 1, 200), np.zeros((200, 3, 3)), EYE[LABELS] * 0.9, np.repeat(["a", "b"], 100)):
        assert told("binary_crossentropy", y) == []
    assert told("mse", LABELS) == told(None, LABELS) == told(lambda y, p: p, LABELS) == told("no such", LABELS) == []
    assert told("sparse_categorical_crossentropy", np.array([0, 2**40] * 50)) == []


def test_several_outputs_each_with_its_loss():
    half = {"kind": LABELS[:160], "place": LABELS[:160] * 1.0}, {"kind": LABELS[160:], "place": LABELS[160:] * 1.0}
    for loss, said in (
        ({"kind": "sparse_categorical_crossentropy", "place": "mse"}, 1),
        ({"kind": "mse", "place": "mse"}, 0),
        ("mse", 0),
        (["mse"], 0),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            tell_missing_classes(loss, *half, 0.2)
            in_lists = [list(part.values()) for part in half]
            tell_missing_classes(list(loss.values()) if isinstance(loss, dict) else loss, *in_lists, 0.2)
        assert len(caught) == 2 * said

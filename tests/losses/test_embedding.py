"""Circle loss."""

import numpy as np
import pytest

from autonet import losses
from autonet.errors import ArgumentError, ShapeError


def directions(rng, *shape):
    x = rng.normal(size=shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def by_hand(labels, x, others, references, same_row, gamma, margin):
    """The formula, pair by pair."""
    found = []
    for i in range(len(x)):
        positive = negative = 0.0
        for j in range(len(references)):
            s = x[i] @ references[j]
            if labels[i] != others[j]:
                negative += np.exp(gamma * max(s + margin, 0) * (s - margin))
            elif not (same_row and i == j):
                positive += np.exp(-gamma * max(1 + margin - s, 0) * (s - 1 + margin))
        found.append(np.log1p(positive * negative))
    return found


@pytest.mark.parametrize("diagonal", [True, False])
def test_formula(rng, diagonal):
    labels, x = np.array([0, 1, 0, 2, 1]), directions(rng, 5, 3)
    found = losses.circle(labels, x, remove_diagonal=diagonal, gamma=2.0, margin=0.3)
    np.testing.assert_allclose(found, by_hand(labels, x, labels, x, diagonal, 2.0, 0.3), atol=1e-12)


def test_references_of_their_own(rng):
    labels, x, others, references = [0, 1], directions(rng, 2, 3), np.array([0, 1, 1]), directions(rng, 3, 3)
    found = losses.circle(labels, x, others, references, gamma=2.0)
    np.testing.assert_allclose(found, by_hand(labels, x, others, references, False, 2.0, 0.4), rtol=1e-6)
    with pytest.raises(ArgumentError, match="together"):
        losses.circle(labels, x, others)
    with pytest.raises(ShapeError, match="one length"):
        losses.circle(labels, x, others, references[:, :2])
    with pytest.raises(ShapeError, match="ref_labels"):
        losses.circle(labels, x, others[:2], references)


def test_samples_without_a_pair_are_left_out_of_means(rng):
    labels, x = np.array([0, 0, 1]), directions(rng, 3, 2)
    rows = losses.Circle(reduction="none")(labels, x).numpy()
    assert rows[2] == 0 and losses.Circle()(labels, x).item() == pytest.approx(rows[:2].mean())
    assert losses.Circle()([0, 0, 0], x).item() == 0.0
    np.testing.assert_array_equal(losses.circle(labels[:, None], x), losses.circle(labels, x))

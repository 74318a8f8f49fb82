import numpy as np
import pytest

from autonet import layers
from autonet.errors import ArgumentError
from autonet.models import Sequential


def pipeline():
    return layers.Pipeline([layers.RandomFlip(seed=1), layers.RandomTranslation(0.2, 0.2, seed=2)], name="before")


def test_it_is_its_layers_one_after_the_other(rng):
    x = rng.uniform(0, 255, (3, 5, 6, 2)).astype("float32")
    first, second = pipeline().layers
    np.testing.assert_array_equal(pipeline()(x), second(first(x)))
    np.testing.assert_array_equal(pipeline()(x, training=False), x)
    assert pipeline().compute_output_shape((None, 5, 6, 2)) == (None, 5, 6, 2)
    resized = layers.Pipeline([layers.RandomCrop(4, 3), layers.Rescaling(0.1)])
    assert resized.compute_output_shape((None, 5, 6, 2)) == (None, 4, 3, 2)
    assert resized(layers.Input((5, 6, 2))).shape == (None, 4, 3, 2)


def test_dictionaries_pass_through(rng):
    x = rng.uniform(0, 255, (3, 5, 6, 2)).astype("float32")
    y = pipeline()({"images": x, "labels": np.arange(3)})
    assert y["labels"].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(y["images"], pipeline()(x))


def test_in_front_of_a_model_it_works_in_training_only(rng):
    x, y = rng.uniform(0, 255, (32, 6, 6, 1)), rng.integers(0, 2, 32)
    front = pipeline()
    model = Sequential([layers.Input((6, 6, 1)), front, layers.Flatten(), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(x, np.eye(2)[y], epochs=2, batch_size=8, verbose=0)
    assert [layer.generator.state.numpy()[1] for layer in front.layers] == [8, 16]
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))


def test_configurations_go_round():
    config = pipeline().get_config()
    assert sorted(config) == ["layers", "name"]
    again = layers.Pipeline.from_config(config)
    assert again.get_config() == config and [type(a) for a in again.layers] == [type(a) for a in pipeline().layers]


@pytest.mark.parametrize("odd", [layers.RandomFlip, [np.sin], None])
def test_what_is_no_list_of_layers(odd):
    with pytest.raises(ArgumentError, match="expects a list of layers"):
        layers.Pipeline(odd)


def test_masks_go_from_layer_to_layer():
    x = np.array([[1, 2, 0], [3, 0, 0]])
    embedding, recurrent = layers.Embedding(5, 4, mask_zero=True), layers.GRU(3)
    pipeline = layers.Pipeline([embedding, layers.Activation("tanh"), recurrent])
    found = pipeline(x).numpy()
    np.testing.assert_array_equal(found, recurrent(layers.Activation("tanh")(embedding(x))).numpy())
    np.testing.assert_allclose(found[1], pipeline(x[1:, :1]).numpy()[0], rtol=1e-6)

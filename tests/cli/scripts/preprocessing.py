"""Layers that prepare numbers, words and pictures."""

import keras
import numpy as np
from keras import layers
from keras.preprocessing.sequence import pad_sequences

data = np.random.rand(100, 3) * 5
normalization = layers.Normalization()
normalization.adapt(data)
np.testing.assert_allclose(np.mean(normalization(data), axis=0), 0, atol=1e-4)

lookup = layers.StringLookup(vocabulary=["a", "b", "c"], output_mode="one_hot")
assert lookup(["a", "c", "z"]).shape == (3, 4)
texts = ["the cat sat", "the dog ran far"]
vectorization = layers.TextVectorization(max_tokens=50, output_sequence_length=6)
vectorization.adapt(texts)
assert np.array(vectorization(texts)).shape == (2, 6) and vectorization.get_vocabulary()[2] == "the"

augmentation = keras.Sequential(
    [
        layers.Rescaling(1 / 255.0),
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.1),
        layers.CenterCrop(8, 8),
        layers.Resizing(4, 4),
    ]
)
assert augmentation(np.random.rand(2, 10, 10, 3) * 255, training=True).shape == (2, 4, 4, 3)

model = keras.Sequential([normalization, layers.Dense(1)])
model.compile("adam", "mse")
model.fit(data, data[:, :1], epochs=1, verbose=0)
print(pad_sequences([[1, 2], [3]], maxlen=4).tolist())

"""Everything by its full name below tf.keras."""

import numpy as np
import tensorflow as tf

assert int(tf.__version__.split(".")[0]) >= 2

model = tf.keras.models.Sequential(
    [
        tf.keras.layers.Flatten(input_shape=(8, 8)),
        tf.keras.layers.Dense(16, activation="relu"),
        tf.keras.layers.Dropout(0.2),
        tf.keras.layers.Dense(10),
    ]
)
x_train = np.random.rand(64, 8, 8).astype("float32")
y_train = np.random.randint(0, 10, 64)
predictions = model(x_train[:1]).numpy()
tf.keras.activations.softmax(predictions)
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
assert loss_fn(y_train[:1], predictions).numpy() > 0
model.compile(optimizer="adam", loss=loss_fn, metrics=["accuracy"])
model.fit(x_train, y_train, epochs=2)
model.evaluate(x_train, y_train, verbose=2)
probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
print(probability_model(x_train[:5]).shape)

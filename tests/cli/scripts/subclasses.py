"""A layer and a model of one's own, through tensorflow."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.layers import Dense


class Linear(keras.layers.Layer):
    def __init__(self, units=32, **kwargs):
        super(Linear, self).__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True, name="w"
        )
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True, name="b")
        super().build(input_shape)

    def call(self, inputs):
        return keras.ops.matmul(inputs, self.w) + self.b

    def get_config(self):
        config = super().get_config()
        config.update({"units": self.units})
        return config


class MyModel(keras.Model):
    def __init__(self, num_classes=10):
        super().__init__(name="my_model")
        self.block = keras.Sequential([Linear(16), layers.ReLU()])
        self.drop = layers.Dropout(0.3)
        self.out = Dense(num_classes)

    def call(self, inputs, training=None):
        x = self.block(inputs)
        x = self.drop(x, training=training)
        return self.out(x)


model = MyModel(3)
model.compile(
    optimizer=keras.optimizers.Adam(1e-2),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
x = np.random.rand(50, 5).astype("float32")
y = np.random.randint(0, 3, size=50)
model.fit(x, y, epochs=2, verbose=0)
before = model.predict(x, verbose=0)
model.save_weights("model.weights.h5")
again = MyModel(3)
again.build((None, 5))
again.load_weights("model.weights.h5")
np.testing.assert_allclose(again.predict(x, verbose=0), before)
assert Linear.from_config(Linear(7).get_config()).units == 7
print(model.name, model.count_params())

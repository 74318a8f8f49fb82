"""A variational autoencoder: a layer with chance in it, models inside a model, add_loss."""

import keras
import numpy as np
from keras import layers, ops


class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        mean, log_var = inputs
        batch, dim = ops.shape(mean)[0], ops.shape(mean)[1]
        return mean + ops.exp(0.5 * log_var) * keras.random.normal(shape=(batch, dim), seed=self.seed_generator)


inputs = keras.Input((12,))
h = layers.Dense(8, activation="relu")(inputs)
mean, log_var = layers.Dense(2, name="mean")(h), layers.Dense(2, name="log_var")(h)
encoder = keras.Model(inputs, [mean, log_var, Sampling()([mean, log_var])], name="encoder")
code = keras.Input((2,))
outputs = layers.Dense(12, activation="sigmoid")(layers.Dense(8, activation="relu")(code))
decoder = keras.Model(code, outputs, name="decoder")


class VAE(keras.Model):
    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder

    def call(self, x):
        mean, log_var, z = self.encoder(x)
        self.add_loss(-0.5 * ops.mean(1 + log_var - ops.square(mean) - ops.exp(log_var)))
        return self.decoder(z)


vae = VAE(encoder, decoder)
vae.compile(optimizer=keras.optimizers.Adam(), loss="binary_crossentropy")
data = np.random.rand(64, 12)
vae.fit(data, data, epochs=2, batch_size=16, verbose=0)
encoder.summary()
keras.utils.plot_model(encoder, "encoder.svg", show_shapes=True)
print(vae.predict(data[:3], verbose=0).shape, decoder.predict(np.zeros((1, 2)), verbose=0).shape)

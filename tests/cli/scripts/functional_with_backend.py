"""A graph of convolutions, regularizers, callbacks, and keras.backend as K."""

import keras
import keras.backend as K
import numpy as np
from keras import layers, models, regularizers

K.clear_session()
axis = 1 if K.image_data_format() == "channels_first" else -1
inputs = layers.Input(shape=(8, 8, 3), name="image")
x = layers.Conv2D(4, (3, 3), padding="same", kernel_regularizer=regularizers.l2(1e-4))(inputs)
x = layers.BatchNormalization(axis=axis)(x)
x = layers.Activation("relu")(x)
x = layers.MaxPooling2D((2, 2))(x)
shortcut = layers.Conv2D(4, 1)(x)
x = layers.add([x, shortcut])
x = layers.concatenate([x, shortcut], axis=axis)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(4, activation="softmax", name="classes")(x)
model = models.Model(inputs=inputs, outputs=outputs)
model.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss="sparse_categorical_crossentropy", metrics=["acc"])
X = np.random.randn(32, 8, 8, 3)
Y = np.random.randint(4, size=(32, 1))
callbacks = [
    keras.callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True),
    keras.callbacks.ReduceLROnPlateau(patience=1, verbose=0),
]
history = model.fit(X, Y, validation_data=(X, Y), epochs=2, batch_size=8, callbacks=callbacks, verbose=0)
assert len(history.history["val_acc"]) == 2
features = models.Model(model.input, model.get_layer("classes").input)
print(features.predict(X, verbose=0).shape, K.floatx(), K.epsilon())

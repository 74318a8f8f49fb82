"""Names imported one by one, a stack built with add, figures printed by hand."""

import numpy as np
from keras.layers import Activation, Dense, Dropout
from keras.models import Sequential
from keras.optimizers import SGD
from keras.utils import to_categorical

np.random.seed(7)
X = np.random.rand(60, 8)
y = to_categorical(np.random.randint(0, 3, 60), 3)

model = Sequential()
model.add(Dense(12, input_dim=8, activation="relu"))
model.add(Dropout(0.2))
model.add(Dense(3))
model.add(Activation("softmax"))
sgd = SGD(learning_rate=0.01, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])
history = model.fit(X, y, epochs=3, batch_size=10, verbose=0, validation_split=0.2)
scores = model.evaluate(X, y, verbose=0)
print("%s: %.2f%%" % (model.metrics_names[1], scores[1] * 100))
assert {*history.history} == {"accuracy", "learning_rate", "loss", "val_accuracy", "val_loss"}
assert np.argmax(model.predict(X, verbose=0), axis=-1).shape == (60,)
model.summary()

"""Sequences of numbers to labels, names from tensorflow.keras, a checkpoint that is opened again."""

import numpy as np
from tensorflow.keras.callbacks import CSVLogger, EarlyStopping, ModelCheckpoint
from tensorflow.keras.layers import LSTM, Bidirectional, Dense, Embedding
from tensorflow.keras.models import Sequential, load_model
from tensorflow.keras.optimizers import Adam
from tensorflow.keras.preprocessing import sequence

x = [list(np.random.randint(1, 100, np.random.randint(3, 9))) for _ in range(40)]
x = sequence.pad_sequences(x, maxlen=8)
y = np.random.randint(0, 2, 40)
model = Sequential()
model.add(Embedding(100, 8, mask_zero=True))
model.add(Bidirectional(LSTM(4, dropout=0.2)))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer=Adam(0.01), metrics=["accuracy"])
callbacks = [ModelCheckpoint("out/best.keras", save_best_only=True), EarlyStopping(patience=1), CSVLogger("log.csv")]
model.fit(x, y, batch_size=8, epochs=2, validation_data=(x, y), verbose=0, callbacks=callbacks)
print(load_model("out/best.keras").predict(x, verbose=0).shape)

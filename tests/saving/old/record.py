"""Records the files in this folder, with an autonet whose .keras files were archives (version 1 of the format, before HDF5):

PYTHONPATH=that_autonet python tests/saving/old/record.py
"""

import pathlib

import numpy as np

import autonet as keras
from autonet import layers as L

FOLDER = pathlib.Path(__file__).parent


def model():
    """Dropout, moving averages, a frozen layer whose weights the optimizer knows, and a layer that is used twice."""
    keras.utils.set_random_seed(5)
    inputs, shared = L.Input((4,), name="x"), L.Dense(4, activation="tanh", name="shared")
    x = L.Dropout(0.5, name="drop")(shared(shared(inputs)))
    made = keras.Model(inputs, L.Dense(2, name="out")(L.BatchNormalization(name="norm")(x)), name="old")
    made.compile(keras.optimizers.AdamW(0.01, weight_decay=0.1), "mse", run_eagerly=True)
    return made


def data():
    x = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)
    return x, x[:, 1:3] ** 2


def main():
    trained, (x, y) = model(), data()
    for _ in range(3):
        trained.train_on_batch(x, y)
    trained.optimizer.exclude_from_weight_decay(var_names=["bias"])
    trained.get_layer("out").trainable = False
    trained.save(FOLDER / "archive.keras")
    trained.save(FOLDER / "for_keras.keras", format="keras")
    trained.save_weights(FOLDER / "old.weights")
    trained.save_weights(FOLDER / "old.weights.h5")
    state = [*trained.get_weights(), *trained.optimizer.get_weights()]
    values = {"outputs": trained.predict(x, verbose=0), **{f"state{n:02}": a for n, a in enumerate(state)}}
    trained.get_layer("out").trainable = True
    trained.reset_metrics()
    values["losses"] = np.array([trained.train_on_batch(x, y, return_dict=True)["loss"] for _ in range(3)])
    np.savez_compressed(FOLDER / "values.npz", **values)


if __name__ == "__main__":
    main()

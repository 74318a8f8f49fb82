"""Records keras_files/: files that real Keras wrote, and what it predicts. Run by hand where Keras 3 is installed:

KERAS_BACKEND=jax python tests/golden/record_keras_files.py
"""

import pathlib

import keras
import keras_models
import numpy as np

FOLDER = pathlib.Path(__file__).with_name("keras_files")


def main():
    values = {}
    for name in keras_models.DATA:
        keras.utils.clear_session()
        model = keras_models.make(name, keras)
        x = keras_models.data(name)
        if model.compiled:
            model.fit(x, keras_models.targets(name), epochs=2, verbose=0)
        values |= {f"{name}/{k}": v for k, v in keras_models.outputs(model, x).items()}
        model.save(FOLDER / f"{name}.keras")
        if name in ("mlp", "subclassed"):
            model.save_weights(FOLDER / f"{name}.weights.h5")
    np.savez_compressed(FOLDER / "values.npz", **values)
    print(keras.__version__, sorted(values))


main()

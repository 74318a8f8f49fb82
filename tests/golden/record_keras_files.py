"""Records keras_files/: files that real Keras wrote, and what it predicts. Run by hand where Keras 3 is installed:

KERAS_BACKEND=jax python tests/golden/record_keras_files.py [model ...]
"""

import pathlib
import sys

import keras
import keras_models
import numpy as np

FOLDER = pathlib.Path(__file__).with_name("keras_files")


def main():
    values, names = {}, sys.argv[1:] or list(keras_models.DATA)
    if sys.argv[1:]:
        with np.load(FOLDER / "values.npz") as kept:
            values = {k: kept[k] for k in kept.files}
    for name in names:
        keras.utils.clear_session()
        model = keras_models.make(name, keras)
        x = keras_models.data(name)
        if model.compiled:
            for _ in range(2):
                model.train_on_batch(x, keras_models.targets(name))
        values |= {f"{name}/{k}": v for k, v in keras_models.outputs(model, x).items()}
        model.save(FOLDER / f"{name}.keras")
        if name in ("mlp", "subclassed", "adapted"):
            model.save_weights(FOLDER / f"{name}.weights.h5")
    np.savez_compressed(FOLDER / "values.npz", **values)
    print(keras.__version__, sorted(values))


main()

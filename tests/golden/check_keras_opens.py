"""Checks that real Keras opens what autonet writes, and predicts the same. Run by hand where Keras 3 is installed too:

KERAS_BACKEND=jax PYTHONPATH=. python tests/golden/check_keras_opens.py
"""

import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import keras_models


def check(name, folder):
    """Largest difference of predictions, Keras's of autonet's file against autonet's own; or of weights after training."""
    import keras

    import autonet
    from autonet.saving.keras_names import own_variables

    path = pathlib.Path(folder) / f"{name}.keras"
    model = keras_models.make(name, autonet)
    x = keras_models.data(name)
    if model.compiled:
        for _ in range(2):
            model.train_on_batch(x, keras_models.targets(name))
    model.save(path)
    keras_models.make(name, keras)  # registers its classes
    theirs = keras.saving.load_model(path)
    assert theirs.compiled == model.compiled
    if model.compiled:
        pairs = zip(theirs.optimizer.variables, own_variables(model.optimizer), strict=True)
        assert all(np.allclose(a, b, atol=1e-6) for a, b in pairs)
        assert int(theirs.optimizer.iterations) == int(model.optimizer.iterations)
    ours, back = keras_models.outputs(model, x), keras_models.outputs(theirs, x)
    assert ours.keys() == back.keys()
    worst = max(float(np.abs(ours[k] - back[k]).max()) for k in ours)

    weights = pathlib.Path(folder) / f"{name}.weights.h5"
    model.save_weights(weights)
    other = keras_models.make(name, keras)
    other.set_weights([0 * w for w in other.get_weights()])
    other.load_weights(weights)
    again = keras_models.outputs(other, x)
    worst = max(worst, *(float(np.abs(ours[k] - again[k]).max()) for k in ours))

    theirs.save(path)  # and back once more
    round_trip = keras_models.outputs(autonet.saving.load_model(path), x)
    return max(worst, *(float(np.abs(ours[k] - round_trip[k]).max()) for k in ours))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name in keras_models.DATA:
            print(f"{name:12} {check(name, folder):.2e}")

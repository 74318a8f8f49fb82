"""Writes training.npz: what whole trainings come to with Keras, for tests/training/test_against_keras.py.

KERAS_BACKEND=jax python tests/golden/record_training.py
"""

import sys
from pathlib import Path

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from trainings import TRAININGS, run

found = {f"{name}/{key}": array for name in TRAININGS for key, array in run(keras, name).items()}
np.savez_compressed(Path(__file__).with_name("training.npz"), version=keras.__version__, **found)
print(f"{len(TRAININGS)} trainings, {len(found)} arrays")

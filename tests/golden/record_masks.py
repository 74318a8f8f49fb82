"""Writes masks.npz: what layers give for masked sequences with Keras, for tests/layers/test_masks.py.

KERAS_BACKEND=jax python tests/golden/record_masks.py
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "layers"))
from masked import CASES, run


def grad(f):
    return jax.grad(f, argnums=(0, 1))


def mask_of(y):
    return getattr(y, "_keras_mask", None)


found = {
    f"{name}/{key}": array
    for name in CASES
    for key, array in run(name, keras.layers, jnp.asarray, mask_of, grad).items()
}
np.savez_compressed(Path(__file__).with_name("masks.npz"), version=keras.__version__, **found)
print(f"{len(CASES)} cases, {len(found)} arrays")

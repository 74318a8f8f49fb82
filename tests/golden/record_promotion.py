"""Writes promotion.json: the dtypes in which Keras's functions of two operands answer, for tests/ops/test_promotion.py.

KERAS_BACKEND=jax python tests/golden/record_promotion.py
"""

import json
import sys
from pathlib import Path

import jax
import keras

sys.path.insert(0, str(Path(__file__).parents[1] / "ops"))
from pairs import answer, pairs

found: dict = {"keras": keras.__version__, "dtypes": {}}
for name, _, _, x1, x2 in pairs():
    f = getattr(keras.ops, name)
    dtype = answer(lambda x1, x2, f=f: jax.eval_shape(lambda: f(x1, x2)), x1, x2)
    found["dtypes"].setdefault(name, []).append(dtype)
found["dtypes"] = {name: " ".join(dtypes) for name, dtypes in found["dtypes"].items()}  # in the order of pairs()
Path(__file__).with_name("promotion.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

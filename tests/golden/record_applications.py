"""Writes applications.json: layers, weights and answers of Keras's networks, for tests/applications.

KERAS_BACKEND=jax python tests/golden/record_applications.py
"""

import json
import sys
from pathlib import Path

import keras

sys.path.insert(0, str(Path(__file__).parents[1] / "applications"))
from networks import CASES, made, pictures, table

found = {}
for name in CASES:
    model = made(keras, name)
    answers = model.predict(pictures(name), verbose=0).astype("float64")
    full = getattr(keras.applications, name)(weights=None)
    found[name] = {
        "layers": table(model),
        "answers": answers.tolist(),
        "weights": full.count_params(),
        "name": full.name,
        "count": len(full.weights),
    }
told = {"version": keras.__version__, "networks": found}
Path(__file__).with_name("applications.json").write_text(json.dumps(told) + "\n", encoding="utf-8")

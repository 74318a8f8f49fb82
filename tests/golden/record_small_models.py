"""Writes small_models.json: what small trainings come to with Keras, for tests/training/test_small_models.py.

KERAS_BACKEND=jax python tests/golden/record_small_models.py
"""

import json
import sys
from pathlib import Path

import keras

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from small_models import cases, run

found = {}
for name, case in cases(keras).items():
    try:
        found[name] = run(keras, case)
    except (TypeError, ValueError) as error:  # weights that Keras does not take
        print(name, error)
told = {"version": keras.__version__, "cases": found}
Path(__file__).with_name("small_models.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
print(len(found), "cases")

"""Writes structures.json: how Keras nests what models give, for tests/models/test_structures.py.

KERAS_BACKEND=jax python tests/golden/record_structures.py
"""

import json
import sys
from pathlib import Path

import keras

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from structures import run

found = {"version": keras.__version__, "cases": run(keras)}
Path(__file__).with_name("structures.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
print(len(found["cases"]), "cases")

"""Record what Keras's operations answer to the calls in tests/ops/calls.py: python tests/golden/record_ops.py

Needs keras 3 with its JAX backend; nothing of autonet. Writes ops.npz beside this file.
"""

import importlib.util
import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

HERE = pathlib.Path(__file__).parent
spec = importlib.util.spec_from_file_location("calls", HERE.parent / "ops" / "calls.py")
calls = importlib.util.module_from_spec(spec)
spec.loader.exec_module(calls)


def main():
    """All answers, one after the other, in one array per dtype, and in index.json what belongs to which call."""
    index = []
    flat: dict[str, list] = {}
    for call in calls.CALLS:
        try:
            found = calls.answer(call, keras.ops)
        except Exception as error:
            print(f"{call}: {type(error).__name__}: {error}")
            continue
        row = []
        for leaf in found:
            if isinstance(leaf, str):
                row.append(leaf)
            else:
                row.append([leaf.dtype.name, list(leaf.shape)])
                flat.setdefault(leaf.dtype.name, []).append(leaf.ravel())
        index.append([call, row])
    arrays = {name: np.concatenate(parts) for name, parts in flat.items()}
    about = json.dumps({"keras": keras.__version__, "recorded_by": "record_ops.py", "calls": index})
    np.savez_compressed(HERE / "ops.npz", about=np.frombuffer(about.encode(), np.uint8), **arrays)


if __name__ == "__main__":
    main()

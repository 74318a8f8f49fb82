"""Files of before there was one format (tests/saving/old, which real older code wrote) open as before."""

import importlib.util
import pathlib

import numpy as np
import pytest

from autonet.saving import load_model

FOLDER = pathlib.Path(__file__).with_name("old")


@pytest.fixture(scope="module")
def recorded():
    spec = importlib.util.spec_from_file_location("old_files", FOLDER / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with np.load(FOLDER / "values.npz") as values:
        return module, {name: values[name] for name in values.files}


@pytest.mark.parametrize("name", ["archive.keras", "for_keras.keras"])
def test_models(name, recorded):
    module, values = recorded
    model = load_model(FOLDER / name)
    (x, y), states = module.data(), [values[k] for k in sorted(values) if k.startswith("state")]
    own = [*model.get_weights(), *model.optimizer.get_weights()]
    assert all(np.array_equal(a, b) for a, b in zip(own, states, strict=True))
    assert np.allclose(model.predict(x, verbose=0), values["outputs"], rtol=0, atol=1e-6)
    if name == "archive.keras":  # which alone keeps generators, and which weights are spared the decay
        model.get_layer("out").trainable = True
        model.run_eagerly = True
        losses = [model.train_on_batch(x, y, return_dict=True)["loss"] for _ in range(3)]
        assert np.allclose(losses, values["losses"], rtol=1e-5)


@pytest.mark.parametrize("name", ["old.weights", "old.weights.h5", "archive.keras", "for_keras.keras"])
def test_weights(name, recorded):
    module, values = recorded
    model = module.model()
    model.get_layer("out").trainable = False
    report = model.load_weights(FOLDER / name)
    assert len(report.loaded) == len(model.weights) and not report.missing and not report.unexpected
    assert all(np.array_equal(a, values[f"state{n:02}"]) for n, a in enumerate(model.get_weights()))

"""Every layer in a small model, exported to ONNX: what onnxruntime makes of it for batches of three sizes is what autonet does."""

import numpy as np
import pytest

import autonet
from autonet.errors import AutonetError
from tests.options.test_layers import CLASSES
from tests.saving.test_every_layer import built, choices

pytestmark = pytest.mark.extra("onnx")

GIVEN = {"Discretization": {"bin_boundaries": [-0.5, 0.0, 0.7]}}
LEFT = {"InputLayer"}  # which every model has
NO_DTYPE = {"Pipeline", "HashedCrossing", "Hashing"}  # of floats
TEXTS = {"StringLookup", "TextVectorization", "HashedCrossing"}
REFUSED = {
    **dict.fromkeys(TEXTS, "is of texts"),
    "Hashing": "hash_integers",
    "ContrastLimitedAdaptiveHistogramEqualization": "ops.add depends on the batch size",
}
SINGLE = {"SpectralNormalization", "StackedRNNCells", "Bidirectional"}  # around layers of float32
TOLERANCE = {"float32": 1e-5, "float64": 1e-9, "float16": 4e-3}


def check(name, given, folder, tolerance):
    """Export a model of this layer, its weights drawn, and compare."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    model, arrays = built(name, {**GIVEN.get(name, {}), **given}, free=True)
    rng = np.random.default_rng(1)
    for w in model.weights:
        if w.dtype.kind == "f":
            signs = [-1, 1] if w.path.endswith(("kernel", "embeddings")) else [1]
            w.assign(rng.uniform(0.2, 1.2, w.shape) * rng.choice(signs, w.shape))
    path = folder / "m.onnx"
    model.export(path)
    session = onnxruntime.InferenceSession(str(path))
    names = [x.name for x in session.get_inputs()]
    assert names == [x.name for x in model.inputs]
    known = model.output_names
    assert [x.name for x in session.get_outputs()] == (
        known if len({*known}) == len(known) else [f"{n}_{i}" for i, n in enumerate(known)]
    )
    n = arrays[0].shape[0]
    for size in (n, 1, 2 * n + 1):
        some = [np.resize(a, (size, *a.shape[1:])) for a in arrays]
        found = session.run(None, dict(zip(names, some, strict=True)))
        wanted = autonet.tree.flatten(model(some if len(some) > 1 else some[0], training=False))
        for a, b in zip(found, wanted, strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype
            np.testing.assert_allclose(a, np.asarray(b), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", [n for n in CLASSES if n not in LEFT])
def test_onnxruntime_agrees(name, dtype, tmp_path):
    given = {} if dtype == "float32" or name in NO_DTYPE else {"dtype": dtype}
    if name in REFUSED:
        with pytest.raises(AutonetError, match=REFUSED[name]):
            check(name, given, tmp_path, 1)
        assert not list(tmp_path.iterdir())
    else:
        check(name, given, tmp_path, max(TOLERANCE[dtype], 1e-5 if name in SINGLE else 0))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:softmax over axis")  # of one row
@pytest.mark.parametrize("name", [n for n in CLASSES if n not in LEFT and n not in REFUSED])
def test_options_too(name, tmp_path):
    done = set()
    for option, _, given in choices(name):
        if option not in done and option not in ("-", "dtype"):
            done.add(option)
            try:
                built(name, {**GIVEN.get(name, {}), **given}, free=True)
            except AutonetError:
                continue
            try:
                check(name, given, tmp_path, 1e-5)
            except AutonetError as error:
                assert "hash_integers" in str(error) or "is of texts" in str(error), option

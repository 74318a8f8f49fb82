import numpy as np
import pytest

from autonet.datasets import boston_housing, california_housing
from autonet.errors import ArgumentError, DataError

COLUMNS = {boston_housing: 13, california_housing: 8}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTONET_HOME", str(tmp_path))
    for module in COLUMNS:
        monkeypatch.setattr(module, "URL", "http://127.0.0.1:9/x.npz")
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def write(folder, module, rng, n=700, dtype=np.float64):
    x, y = rng.normal(size=(n, COLUMNS[module])).astype(dtype), rng.normal(size=n).astype(dtype)
    np.savez(folder / f"{module.__name__.rpartition('.')[2]}.npz", x=x, y=y)
    return x, y


@pytest.mark.parametrize("module", COLUMNS)
@pytest.mark.parametrize("options", [{}, {"test_split": 0.35, "seed": 3}, {"test_split": 0}])
def test_rows_come_in_the_drawn_order(folder, rng, module, options):
    x, y = write(folder, module, rng, dtype=np.float32)
    order = np.arange(len(x))
    np.random.RandomState(options.get("seed", 113)).shuffle(order)
    (x_train, y_train), (x_test, y_test) = module.load_data(**options)
    assert np.array_equal(np.concatenate([x_train, x_test]), x[order])
    assert np.array_equal(np.concatenate([y_train, y_test]), y[order])
    assert len(x_train) == len(y_train) == int(700 * (1 - options.get("test_split", 0.2)))
    assert x_train.dtype == y_test.dtype == np.float32


def test_the_small_version_has_the_first_rows(folder, rng):
    x, _ = write(folder, california_housing, rng)
    (x_train, _), (x_test, _) = california_housing.load_data("small")
    assert len(x_train) == 480 and len(x_test) == 120
    assert {tuple(row) for row in x[:600]} == {tuple(row) for row in np.concatenate([x_train, x_test])}
    with pytest.raises(ArgumentError, match="version"):
        california_housing.load_data("medium")


@pytest.mark.parametrize("module", COLUMNS)
def test_errors(folder, rng, module):
    with pytest.raises(DataError, match="AUTONET_HOME"):
        module.load_data()
    for share in (1, 1.0, -0.1):
        with pytest.raises(ArgumentError, match="test_split"):
            module.load_data(test_split=share)
    x, y = write(folder, module, rng, 5)
    path = folder / f"{module.__name__.rpartition('.')[2]}.npz"
    for arrays in ({"x": x}, {"x": x[:, 1:], "y": y}, {"x": x, "y": y.astype(str)}, {"x": x, "y": y[:4]}):
        np.savez(path, **arrays)
        with pytest.raises(DataError, match=r"\.npz.*Delete it"):
            module.load_data()

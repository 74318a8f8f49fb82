import importlib
import pathlib
import sys
import warnings

import pytest

import autonet
from autonet.legacy import MODULES, LegacyWarning, renamed


@pytest.fixture(autouse=True)
def forgotten():
    """Old modules as if nobody had imported them yet."""
    for name in MODULES:
        sys.modules.pop(name, None)
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


def test_old_modules_give_todays_objects_and_name_todays_place():
    with pytest.warns(LegacyWarning, match=r"write `from autonet\.utils import to_categorical`") as caught:
        from autonet.utils.np_utils import to_categorical
    assert to_categorical is autonet.utils.to_categorical
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_the_second_address_of_padding_is_todays():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from autonet.preprocessing.sequence import pad_sequences
    assert pad_sequences is autonet.utils.pad_sequences


def test_layers_from_their_old_places():
    with pytest.warns(LegacyWarning, match=r"`from autonet\.layers import Dense`"):
        from autonet.layers.core import Dense
    with pytest.warns(LegacyWarning, match=r"`from autonet\.layers import Conv2D`"):
        from autonet.layers.convolutional import Convolution2D
    assert Dense is autonet.layers.Dense
    assert Convolution2D is autonet.layers.Conv2D


def test_star_imports():
    names: dict = {}
    with pytest.warns(LegacyWarning):
        exec("from autonet.utils.np_utils import *", names)
    assert names["to_categorical"] is autonet.utils.to_categorical


def test_names_that_never_were():
    with pytest.raises(ImportError, match="nothing_such"):
        from autonet.utils.np_utils import nothing_such  # noqa: F401
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("autonet.layers.nothing_such")


@pytest.mark.parametrize("name", MODULES)
def test_every_old_module_can_be_imported_quietly(name):
    module = importlib.import_module(name)
    assert set(dir(module)) == {n for n in dir(importlib.import_module(MODULES[name])) if not n.startswith("_")}


def test_old_modules_hide_no_real_ones():
    root = pathlib.Path(autonet.__file__).parent.parent
    for name in MODULES:
        path = root.joinpath(*name.split("."))
        assert not path.with_suffix(".py").exists() and not path.exists(), f"{name} exists: its old name is never used"


def test_one_finder_is_enough():
    from autonet import legacy

    before = list(sys.meta_path)
    legacy.install()
    assert sys.meta_path == before


def test_old_keywords_pass_under_todays_name():
    @renamed(nb_epoch="epochs")
    def fit(x, *, epochs=1):
        """Fit."""
        return x, epochs

    with pytest.warns(LegacyWarning, match="write epochs=... instead of nb_epoch=") as caught:
        assert fit(1, nb_epoch=3) == (1, 3)
    assert caught[0].filename == __file__
    assert fit(1, epochs=2) == (1, 2)
    assert fit.__doc__ == "Fit."
    with pytest.raises(TypeError, match="both epochs=... and its older name nb_epoch"):
        fit(1, epochs=2, nb_epoch=2)
    with pytest.raises(TypeError, match="nb_epochs"):
        fit(1, nb_epochs=2)


def test_the_warning_is_shown_to_users():
    assert issubclass(LegacyWarning, FutureWarning)
    with warnings.catch_warnings():
        warnings.resetwarnings()
        assert not any(f[0] == "ignore" and issubclass(LegacyWarning, f[2]) for f in warnings.filters)


def test_an_old_script_trains():
    import numpy as np

    model = autonet.models.Sequential([autonet.layers.Dense(2, input_dim=3, activation="softmax")])
    model.compile(loss="categorical_crossentropy", optimizer="sgd")
    x, y = np.ones((8, 3), "float32"), np.eye(2, dtype="float32")[[0, 1] * 4]
    with pytest.warns(LegacyWarning, match="write epochs"):
        history = model.fit(x, y, nb_epoch=2, verbose=0)
    assert len(history.history["loss"]) == 2

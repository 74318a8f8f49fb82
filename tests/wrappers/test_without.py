import sys

import pytest

from autonet import wrappers
from autonet.errors import ArgumentError


def test_without_scikit_learn_one_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    for name in wrappers._NAMES:
        wrappers.__dict__.pop(name, None)
        with pytest.raises(ArgumentError, match=r"pip install scikit-learn \(the extra 'sklearn'\)"):
            getattr(wrappers, name)
    assert not set(wrappers._NAMES) & set(dir(wrappers))

"""Optional extras are asked for by the names of their packages."""

import pathlib
import re
import sys
import tomllib

import pytest

from autonet.common.extras import PACKAGES, advice, installed

ROOT = pathlib.Path(__file__).parents[2]


def test_what_extras_bring_is_what_the_project_says():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, packages in PACKAGES.items():
        names = {re.match(r"[\w-]+", need)[0] for need in extras[extra]}
        assert set(packages.split()) == names - {"onnxruntime"}, extra  # which is for tests alone


def test_nothing_tells_to_install_this_package_by_name():
    """Its name on the public index is somebody else's."""
    files = [*ROOT.glob("*.md"), *(ROOT / "notebooks").glob("*.*"), *(ROOT / "autonet").rglob("*.py")]
    told = {str(f.relative_to(ROOT)) for f in files if re.search(r"install\W+autonet\b", f.read_text("utf-8"))}
    assert not told


def test_advice():
    assert advice("tensorboard") == "pip install tensorboardX pillow (the extra 'tensorboard')"
    with pytest.raises(KeyError):
        advice("autonet")


def test_what_is_installed(monkeypatch):
    assert installed("numpy") and not installed("no_such_module")
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert not installed("numpy")

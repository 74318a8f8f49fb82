"""What installing and importing cost, and what the front door promises."""

import importlib
import inspect
import os
import pathlib
import pkgutil
import re
import subprocess
import sys
import zipfile

import pytest

import autonet

ROOT = pathlib.Path(__file__).parent.parent


def python(code, **environment):
    """What a fresh interpreter prints."""
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


@pytest.mark.parametrize(
    "use", ["", "autonet.Sequential, autonet.layers, autonet.datasets, autonet.utils, autonet.callbacks"]
)
def test_what_is_rarely_used_is_not_loaded(use):
    heavy = "tqdm matplotlib IPython h5py urllib.request tarfile unittest http.client multiprocessing".split()
    loaded = python(f"import sys, autonet\n{use}\nprint(*[m for m in {heavy} if m in sys.modules])")
    assert loaded == ""


@pytest.mark.parametrize("name", autonet.__all__)
def test_every_name_of_the_front_door_is_there(name):
    value = getattr(autonet, name)
    assert value is not None
    assert name in dir(autonet)
    assert value.__doc__, f"autonet.{name} has no docstring"


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'nothing_such'"):
        _ = autonet.nothing_such
    with pytest.raises(ImportError):
        from autonet import nothing_such  # noqa: F401


def test_packages_say_their_floor():
    packages = [p.parent for p in (ROOT / "autonet").rglob("__init__.py") if p.parent != ROOT / "autonet"]
    assert packages
    for package in packages:
        name = ".".join(package.relative_to(ROOT).parts)
        doc = importlib.import_module(name).__doc__
        assert doc, f"{name} has no docstring"


def test_every_public_function_class_and_method_has_a_docstring():
    silent, seen = [], 0
    for found in pkgutil.walk_packages(autonet.__path__, "autonet."):
        if found.name.endswith("__main__") or ".annexes" in found.name:
            continue
        module = importlib.import_module(found.name)
        own = {k: v for k, v in vars(module).items() if getattr(v, "__module__", "") == found.name and callable(v)}
        for name, value in own.items():
            if name.startswith("_"):
                continue
            seen += 1
            own_doc = value.__doc__ if isinstance(value, type) else inspect.getdoc(value)  # not that of a class's base
            if not (own_doc or "").strip():
                silent.append(f"{found.name}.{name}")
            for method, f in vars(value).items() if isinstance(value, type) else ():
                f = getattr(f, "__func__", f)
                if inspect.isfunction(f) and not method.startswith("_") and not inspect.getdoc(getattr(value, method)):
                    silent.append(f"{found.name}.{name}.{method}")
    assert seen > 1000
    assert silent == []


def test_the_version_stands_in_one_place():
    assert autonet.version() == autonet.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", autonet.__version__)
    written = [
        p for p in [ROOT / "pyproject.toml", *(ROOT / "autonet").rglob("*.py")] if autonet.__version__ in p.read_text()
    ]
    assert written == [ROOT / "autonet" / "__init__.py"]


def test_only_numpy_and_tqdm_are_needed():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {re.match(r"\w+", need)[0] for need in project["dependencies"]} == {"numpy", "tqdm"}
    tests = {re.match(r"[\w-]+", need)[0] for need in project["optional-dependencies"]["test"]}
    assert tests == {"pytest", "pytest-xdist", "hypothesis"}


def test_only_numpy_and_tqdm_are_imported_at_module_level():
    allowed = {"autonet", "numpy", "tqdm", "__future__", *sys.stdlib_module_names}
    for path in (ROOT / "autonet").rglob("*.py"):
        if "annexes" in path.parts:
            continue
        for line in path.read_text().splitlines():
            if match := re.match(r"(?:from|import) (\w+)", line):
                assert match[1] in allowed, f"{path.relative_to(ROOT)}: {line}"


def test_no_path_of_a_machine_is_in_the_package():
    pattern = re.compile(r"(/home/\w+|/work/|/Users/\w+|C:\\\\Users|/tmp/\w+|\.\./shared)")
    for folder in ("autonet", "tests", "benchmarks", "notebooks"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".ipynb", ".md", ".toml") and path != pathlib.Path(__file__):
                found = pattern.search(path.read_text())
                assert not found, f"{path.relative_to(ROOT)} names {found}"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """A wheel built from the checkout's files, without a network."""
    import shutil

    source = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "autonet", source / "autonet", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    answer = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(source / "dist"), str(source)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (path,) = (source / "dist").glob("*.whl")
    return path


@pytest.mark.extra("dev")
def test_the_wheel_is_small_and_whole(wheel):
    # of which names, hashes and the README are 120 KB, the digits 44, docstrings 260; NumPy brings more than ten times that
    assert wheel.stat().st_size < 1_300_000
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    source = (p for p in (ROOT / "autonet").rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    about = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    assert names - about == {p.relative_to(ROOT).as_posix() for p in source}
    assert any(name.endswith("LICENSE") for name in about)

"""The reference that `python -m pdoc autonet -o folder` writes: every public name on its package's page, and nothing doubtful."""

import importlib
import pathlib
import re
import types
import warnings

import pytest

import autonet

PACKAGES = [
    "autonet",
    *(f"autonet.{name}" for name in autonet._PACKAGES),
    "autonet.ops.image",
    "autonet.optimizers.schedules",
]
SECOND = re.compile(r"\n(Args|Attributes|Returns|Raises|Shapes|Sources?):")


def public(package):
    """Public names of a package, and what they are."""
    module = importlib.import_module(package)
    names = getattr(module, "__all__", None)
    if names is None:  # a file: what it defines
        names = [n for n, v in vars(module).items() if n[0] != "_" and getattr(v, "__module__", None) == package]
    return {name: getattr(module, name) for name in names}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The folder of all pages, written without source code, which takes most of the time."""
    from pdoc import pdoc, render

    folder = tmp_path_factory.mktemp("reference")
    render.configure(show_source=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc("autonet", output_directory=folder)
    return folder


def page(folder, package):
    return (folder / pathlib.Path(*package.split("."))).with_suffix(".html").read_text(encoding="utf-8")


@pytest.mark.extra("docs")
def test_every_public_name_is_on_its_page(pages):
    for package in PACKAGES:
        text = page(pages, package)
        found = set(re.findall(r'<section id="([\w.]+)">', text))
        names = {name for name, value in public(package).items() if not isinstance(value, types.ModuleType)}
        assert names <= found, package
        modules = {name for name, value in public(package).items() if isinstance(value, types.ModuleType)}
        assert all(f'href="{package.split(".")[-1]}/{name}.html"' in text for name in modules), package


@pytest.mark.extra("docs")
def test_members_types_links_and_sections_are_shown(pages):
    text = page(pages, "autonet.layers")
    assert '<section id="Dense">' in text and 'id="Dense.call"' in text
    assert re.search(r'<a href="[^"]*autonet\.html#Tensor">', text), "types are links"
    dense = text[text.index('<section id="Dense">') :][:20_000]
    assert "<strong>units:</strong>" in dense and "<code>y = activation(x @ kernel + bias)" in dense
    assert re.search(r"<h6[^>]*>Arguments", dense)
    assert '<section id="sin">' in page(pages, "autonet.ops") and "TensorLike" in page(pages, "autonet.ops")


@pytest.mark.extra("docs")
def test_no_page_is_of_what_is_not_public(pages):
    found = {".".join(p.relative_to(pages).with_suffix("").parts) for p in pages.rglob("*.html")} - {"index"}
    assert {*PACKAGES} <= found
    for name in found - {*PACKAGES}:
        parent, _, last = name.rpartition(".")
        assert last in public(parent), f"{name} is not public"


@pytest.mark.extra("docs")
@pytest.mark.parametrize(
    "package", ["callbacks", "layers", "losses", "metrics", "optimizers", "models", "initializers", "random"]
)
def test_no_paragraph_holds_two_sections(pages, package):
    """As `test_sections_stand_apart` has it of docstrings, with what bases and decorators add to them."""
    found = [
        text for text in page(pages, f"autonet.{package}").split("<p>") if SECOND.search(text.partition("</p>")[0])
    ]
    assert found == []

"""What type checkers and editors read of autonet.ops, written from the functions themselves.

    python tests/ops/stub.py && ruff format autonet/ops

writes autonet/ops/__init__.pyi with every signature (a primitive is an object to Python; here it is a function), and
the pages of `ops.linalg`, `ops.nn` and `ops.numpy`, whose names are Keras's.
"""

import inspect
import json
import pathlib
import re
import typing

import autonet
from autonet import ops

ROOT = pathlib.Path(autonet.__file__).resolve().parent / "ops"
KERAS = json.loads((pathlib.Path(__file__).resolve().parents[1] / "golden" / "namespaces.json").read_text("utf-8"))
HEAD = '"""{} Written by tests/ops/stub.py from the functions themselves: do not edit."""\n\n'
PAGES = ("linalg", "nn", "numpy")


def public(module):
    """Names and functions that a user finds."""
    shown = [(n, getattr(module, n)) for n in dir(module) if not n.startswith("_")]
    return {n: f for n, f in shown if callable(f)}


def signature(f):
    return inspect.signature(f, eval_str=True)


def in_order(name):
    """As ruff sorts imports: log2 before log10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def lines(name, function):
    f = inspect.unwrap(function) if inspect.isfunction(function) else function
    several = typing.get_overloads(f) if inspect.isfunction(f) else []
    for overload in several:
        yield "@overload"
        yield f"def {name}{signature(overload)}: ..."
    if not several:
        yield f"def {name}{signature(f)}: ..."


def signatures():
    shown = public(ops)
    gradients = [n for n, f in shown.items() if getattr(f, "__module__", "").startswith("autonet.gradients")]
    text = "\n".join(line for name, f in shown.items() if name not in gradients for line in lines(name, f))
    text = (
        text.replace("autonet.core.tensor.", "")
        .replace("collections.abc.", "")
        .replace("numpy.", "np.")
        .replace("typing.", "")
    )
    known = {
        "collections.abc": "Callable Iterable Iterator Mapping Sequence",
        "typing": "Any Literal overload",
        "autonet.common.types": "Axis Dtype Shape Sizes TensorLike",
        "autonet.core.tensor": "Tensor",
    }
    imports = []
    for home, names in known.items():
        used = [n for n in names.split() if re.search(rf"\b{n}\b", text)]
        imports += [f"from {home} import {', '.join(used)}"] if used else []
        if home == "typing":
            imports += ["", "import numpy as np", ""]
    imports += [f"from autonet.gradients import {n} as {n}" for n in gradients]
    imports += [f"from autonet.ops import {page} as {page}" for page in ("image", *PAGES)]
    return HEAD.format("Signatures of the operations.") + "\n".join(imports) + "\n\n" + text + "\n"


def page(name):
    shared = sorted(set(KERAS["packages"][f"ops.{name}"]) & set(public(ops)), key=in_order)
    imports = "\n".join(f"from autonet.ops import {n} as {n}" for n in shared)
    return HEAD.format(f"The names of `keras.ops.{name}`.") + imports + "\n"


def pages():
    """Path: text."""
    return {ROOT / "__init__.pyi": signatures(), **{ROOT / f"{name}.pyi": page(name) for name in PAGES}}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")

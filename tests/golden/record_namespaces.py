"""Record the public names of Keras's packages, and what their functions take: python tests/golden/record_namespaces.py

Needs keras 3 with its JAX backend; nothing of autonet. Writes namespaces.json beside this file.
"""

import inspect
import json
import os
import pathlib
import types

os.environ["KERAS_BACKEND"] = "jax"

import keras

HERE = pathlib.Path(__file__).parent
PACKAGES = """activations backend callbacks config constraints datasets initializers layers losses metrics models ops
    ops.image ops.linalg ops.nn ops.numpy optimizers optimizers.schedules random regularizers saving tree utils""".split()
PRIVATE = {"", "src"}  # what stands at the top without being meant


def told(thing):
    """ "module", "class", or the arguments of a function with their defaults, as text."""
    if isinstance(thing, types.ModuleType):
        return "module"
    if inspect.isclass(thing):
        return "class"
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return "value"
    return [
        [p.name] if p.default is p.empty else [p.name, repr(p.default)]
        for p in parameters
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]


def names(package):
    """Every public name of a package."""
    return {name: told(getattr(package, name)) for name in sorted(dir(package)) if not name.startswith("_")}


def main():
    found = {"": {k: v for k, v in names(keras).items() if k not in PRIVATE}}
    for path in PACKAGES:
        package = keras
        for step in path.split("."):
            package = getattr(package, step)
        found[path] = names(package)
    lines = [
        f'"{path}": {{\n' + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in package.items()) + "\n}"
        for path, package in found.items()
    ]
    about = f'"keras": "{keras.__version__}",\n"recorded_by": "record_namespaces.py",\n'
    (HERE / "namespaces.json").write_text("{\n" + about + '"packages": {\n' + ",\n".join(lines) + "\n}\n}\n")


if __name__ == "__main__":
    main()

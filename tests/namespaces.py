"""What of Keras's public names exists here: the table in tests/golden/README.md, made from the packages.

    python tests/namespaces.py [--write]

prints the table, or puts it between its two marks there. The names were recorded by
tests/golden/record_namespaces.py.
"""

import importlib
import inspect
import json
import pathlib
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = ROOT / "tests" / "golden" / "README.md"
RECORDED = json.loads((ROOT / "tests" / "golden" / "namespaces.json").read_text(encoding="utf-8"))
PACKAGES = RECORDED["packages"]
BEGIN = "<!-- namespaces: begin -->"
END = "<!-- namespaces: end -->"
WITHIN_OPS = ("ops.linalg", "ops.nn", "ops.numpy")  # whose names `ops` has too: no rows of their own


def package(path):
    """The package here, or None."""
    thing = importlib.import_module("autonet")
    for step in path.split(".") if path else ():
        thing = getattr(thing, step, None)
        if thing is None:
            return None
    return thing


def exists(home, name, told):
    """Whether the package has the name, for a thing of the same kind: a module is none of the others."""
    thing = getattr(home, name, None)
    return thing is not None and isinstance(thing, types.ModuleType) == (told == "module")


def missing(path):
    """Names of Keras's package that do not exist here."""
    home = package(path)
    return [name for name, told in PACKAGES[path].items() if home is None or not exists(home, name, told)]


def differences(path):
    """Functions here that do not take what Keras's take: name, what Keras's takes, what ours takes."""
    home = package(path)
    found = []
    for name, told in PACKAGES[path].items():
        if isinstance(told, list) and home is not None and exists(home, name, told):
            try:
                own = inspect.signature(getattr(home, name)).parameters.values()
            except (TypeError, ValueError):
                continue
            ours = [
                [p.name] if p.default is p.empty else [p.name, repr(p.default)]
                for p in own
                if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
            ]
            if ours[: len(told)] != told or any(len(rest) == 1 for rest in ours[len(told) :]):
                found.append((name, told, ours))
    return found


def table():
    """The table's lines."""
    lines = [
        f"| package, Keras {RECORDED['keras']} | names | here | not here |",
        "|---|---|---|---|",
    ]
    for path, names in PACKAGES.items():
        if path in WITHIN_OPS:
            continue
        gone = missing(path)
        told = ", ".join(gone) if gone else "-"
        if len(gone) == len(names):
            told = "all"
        lines.append(f"| `{'keras.' + path if path else 'keras'}` | {len(names)} | {len(names) - len(gone)} | {told} |")
    return lines


def block():
    """The table between its marks."""
    return "\n".join([BEGIN, "", *table(), "", END])


def shown():
    """The block that the README shows now."""
    text = README.read_text(encoding="utf-8")
    return text[text.index(BEGIN) : text.index(END) + len(END)]


def main():
    """Print or write."""
    if "--write" in sys.argv[1:]:
        text = README.read_text(encoding="utf-8")
        README.write_text(text.replace(shown(), block()), encoding="utf-8")
    else:
        print(block())


if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # not this folder, where `random` is a package of tests
    main()

"""Optional extras: whether a module that one brings is there, and how to get it."""

from importlib.util import find_spec

PACKAGES = {  # what an extra brings, as in pyproject.toml
    "plot": "matplotlib",
    "images": "pillow",
    "tensorboard": "tensorboardX pillow",
    "mpi": "mpi4py mpich",
    "tune": "optuna cmaes scipy",
    "sklearn": "scikit-learn",
    "onnx": "onnx",
    "native": "ziglang",
}


def installed(module: str) -> bool:
    """Whether a module could be imported; it is not."""
    try:
        return find_spec(module) is not None
    except ValueError:  # None stands in its place among the modules
        return False


def advice(extra: str) -> str:
    """How to get what an extra brings: by its packages' names, as this package's own is another one's on the public index."""
    return f"pip install {PACKAGES[extra]} (the extra {extra!r})"

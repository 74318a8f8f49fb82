"""Optional extras: whether a module that one brings is there."""

from importlib.util import find_spec


def installed(module: str) -> bool:
    """Whether a module could be imported; it is not."""
    try:
        return find_spec(module) is not None
    except ValueError:  # None stands in its place among the modules
        return False

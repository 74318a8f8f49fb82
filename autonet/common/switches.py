"""Settings that scripts make under Keras's names: how training talks, and where it ends early."""

from autonet.common.lines import warn
from autonet.errors import ArgumentError

_interactive = True
_flash = True
_most: dict[str, int | None] = {"epochs": None, "steps_per_epoch": None}


def enable_interactive_logging() -> None:
    """Let `verbose="auto"` show a bar, as it does unless told otherwise."""
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Let `verbose="auto"` write a line for each epoch, as a log file wants it."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether `verbose="auto"` shows a bar."""
    return _interactive


def enable_flash_attention() -> None:
    """A hint without effect: attention takes the kernel that suits it."""
    global _flash
    _flash = True


def disable_flash_attention() -> None:
    """A hint without effect."""
    global _flash
    _flash = False


def is_flash_attention_enabled() -> bool:
    """What `enable_flash_attention` or `disable_flash_attention` said last."""
    return _flash


def enable_unsafe_deserialization() -> None:
    """A hint without effect: code in a file is never run. Pass what it names as `custom_objects`."""


def is_nnx_enabled() -> bool:
    """Always False: that is a matter of another backend."""
    return False


def set_max_epochs(max_epochs: int | None) -> None:
    """Let every `fit` end after so many epochs, for a first look; None: no limit."""
    _most["epochs"] = _checked("set_max_epochs", max_epochs)


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Let every epoch of `fit`, `evaluate` and `predict` end after so many steps, for a first look; None: no limit."""
    _most["steps_per_epoch"] = _checked("set_max_steps_per_epoch", max_steps_per_epoch)


def max_epochs() -> int | None:
    """The limit that `set_max_epochs` set."""
    return _most["epochs"]


def max_steps_per_epoch() -> int | None:
    """The limit that `set_max_steps_per_epoch` set."""
    return _most["steps_per_epoch"]


def _checked(who: str, most: int | None) -> int | None:
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise ArgumentError(f"{who} expects a whole number of at least 1, or None; received {most!r}.")
    return most


def limited(what: str, count: int | None) -> int | None:
    """A number of "epochs" or "steps_per_epoch" within its limit; a warning says where that counts."""
    most = _most[what]
    if most is None or (count is not None and count <= most):
        return count
    warn(f"Limiting {what} to {most}.")
    return most

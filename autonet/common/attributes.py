"""Attributes that floors above give to Tensors: what they keep with one, and what a Tensor does not have."""

from typing import Any


class Attachment:
    """A property of Tensors that whoever declares it alone reads: None until set, and not passed on.

    Tensor._mask = Attachment("mask")
    """

    def __init__(self, name: str):
        self.name = name

    def __get__(self, tensor: Any, owner: Any = None) -> Any:
        attached = getattr(tensor, "_attached", None)
        return None if attached is None else attached.get(self.name)

    def __set__(self, tensor: Any, value: Any) -> None:
        attached = getattr(tensor, "_attached", None)
        if attached is None:
            tensor._attached = {self.name: value}
        else:
            attached[self.name] = value


def attachments(x: Any) -> dict[str, Any]:
    """What is attached to a Tensor, by name."""
    return {name: value for name, value in (getattr(x, "_attached", None) or {}).items() if value is not None}


class Absent:
    """An attribute that Tensors of other libraries have: its error says what to write."""

    def __init__(self, name: str, advice: str):
        self.name, self.advice = name, advice

    def __get__(self, tensor: Any, owner: type) -> Any:
        raise AttributeError(f"{owner.__name__!r} object has no attribute {self.name!r}: {self.advice}.")

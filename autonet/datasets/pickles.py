"""Numbers, texts, lists, dicts and arrays out of pickles of public data sets, read as data: nothing of a file is run.

A pickle is a little program that can call any function of Python. This reader knows the instructions that build the values
above, makes arrays itself, and refuses everything else. What it makes is no larger than its file.
"""

import math
import re
import struct
from typing import Any

import numpy as np

from autonet.errors import DataError

_ARRAY, _DTYPE, _ENCODE, _BYTES = "array", "dtype", "encode", "bytes"  # the only names that a pickle may mention
_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy", "ndarray"): _ARRAY,
    ("numpy", "dtype"): _DTYPE,
    ("_codecs", "encode"): _ENCODE,  # bytes that Python 3 wrote for Python 2
    ("__builtin__", "bytes"): _BYTES,
}
_CODE = re.compile(r"b1|[iu][1248]|f[248]|O[48]?")
_WHOLE = {ord("K"): "<B", ord("M"): "<H", ord("J"): "<i"}  # instructions for numbers of a fixed length
_LENGTHS = {  # instruction: format of the length before the bytes, kind of value
    ord("U"): ("<B", bytes),  # texts of Python 2 stay bytes
    ord("T"): ("<i", bytes),
    ord("C"): ("<B", bytes),
    ord("B"): ("<I", bytes),
    0x8E: ("<Q", bytes),
    0x8C: ("<B", str),
    ord("X"): ("<I", str),
    0x8D: ("<Q", str),
    0x8A: ("<B", int),
    0x8B: ("<i", int),
}
_CONSTANTS = {ord("N"): None, 0x88: True, 0x89: False}
_TUPLES = {ord(")"): 0, 0x85: 1, 0x86: 2, 0x87: 3}
_MEMO = {ord("q"): "<B", ord("r"): "<I", ord("h"): "<B", ord("j"): "<I"}  # a number of a remembered value


class _Name(str):
    """A name that the pickle mentions; never the thing of that name."""


class _Dtype:
    """A dtype in the making: a code such as "i8", then its order of bytes."""

    def __init__(self, code: str):
        self.code, self.order = code, "|"


def read_pickle(content: bytes) -> Any:
    """The value in a pickle of protocol 0 to 4.

    Raises: DataError for a pickle that is damaged, or holds anything but None, numbers, texts, bytes, lists, tuples,
        dicts, and arrays of numbers or of such values.

    >>> import pickle
    >>> read_pickle(pickle.dumps({"labels": [3, 1]}, protocol=2))
    {'labels': [3, 1]}
    >>> read_pickle(pickle.dumps(print))
    Traceback (most recent call last):
    autonet.errors.DataError: The pickle asks for builtins.print, which is no data.
    """
    try:
        return _Reader(content).read()
    except (struct.error, IndexError, KeyError, ValueError, TypeError, OverflowError) as problem:
        if isinstance(problem, DataError):
            raise
        raise DataError(f"The pickle is damaged ({problem}).") from problem


class _Reader:
    """One reading: a stack of values, marks on it, and remembered values by number."""

    def __init__(self, content: bytes):
        self.content, self.at = content, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def read(self) -> Any:
        stack, content = self.stack, self.content
        while True:
            code = content[self.at]
            self.at += 1
            if code == 0x4B:  # "K": a byte, most of what long lists consist of
                stack.append(content[self.at])
                self.at += 1
            elif code == 0x4D:  # "M": two bytes
                stack.append(content[self.at] | content[self.at + 1] << 8)
                self.at += 2
            elif code == ord("."):
                (value,) = stack
                if isinstance(value, (_Name, _Dtype)):
                    raise DataError("The pickle holds no data.")
                return value
            else:
                self.do(code)

    def do(self, code: int) -> None:
        """One instruction other than the commonest."""
        stack, letter = self.stack, chr(code)
        if code in _WHOLE:
            stack.append(self.unpack(_WHOLE[code]))
        elif code in _LENGTHS:
            form, kind = _LENGTHS[code]
            piece = self.take(self.unpack(form))
            stack.append(
                piece
                if kind is bytes
                else piece.decode()
                if kind is str
                else int.from_bytes(piece, "little", signed=True)
            )
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _TUPLES:
            stack.append(tuple(self.pop(_TUPLES[code])))
        elif letter == "G":
            stack.append(self.unpack(">d"))
        elif letter in "ILFSV":
            stack.append(self.line_value(letter))
        elif letter == "(":
            self.marks.append(len(stack))
        elif letter == "]":
            stack.append([])
        elif letter == "}":
            stack.append({})
        elif letter == "t":
            stack.append(tuple(self.pop_mark()))
        elif letter == "l":
            stack.append(self.pop_mark())
        elif letter == "d":
            stack.append(self.fill({}, self.pop_mark()))
        elif letter in "ae":
            values = self.pop(1) if letter == "a" else self.pop_mark()
            _expect(stack[-1], list).extend(values)
        elif letter in "su":
            values = self.pop(2) if letter == "s" else self.pop_mark()
            self.fill(_expect(stack[-1], dict), values)
        elif letter in "qr":
            self.memo[self.unpack(_MEMO[code])] = stack[-1]
        elif letter in "hj":
            stack.append(self.memo[self.unpack(_MEMO[code])])
        elif letter == "p":
            self.memo[int(self.line())] = stack[-1]
        elif letter == "g":
            stack.append(self.memo[int(self.line())])
        elif code == 0x94:
            self.memo[len(self.memo)] = stack[-1]
        elif letter == "0":
            self.pop(1)
        elif letter == "c":
            self.name(self.line().decode(), self.line().decode())
        elif code == 0x93:
            self.name(*(_expect(part, str) for part in self.pop(2)))
        elif letter == "R":
            name, arguments = self.pop(2)
            stack.append(_made(_expect(name, _Name), _expect(arguments, tuple)))
        elif letter == "b":
            (state,) = self.pop(1)
            _complete(stack[-1], _expect(state, tuple))
        elif code == 0x80:
            self.take(1)
        elif code == 0x95:
            self.take(8)
        else:
            raise DataError(f"The pickle has the instruction {bytes([code])!r}, which makes no data.")

    def take(self, n: int) -> bytes:
        """The next n bytes."""
        if not 0 <= n <= len(self.content) - self.at:
            raise ValueError("it ends early")
        self.at += n
        return self.content[self.at - n : self.at]

    def unpack(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> bytes:
        return self.take(self.content.index(b"\n", self.at) - self.at + 1)[:-1].rstrip(b"\r")

    def line_value(self, letter: str) -> Any:
        """A number or a text that is written out, as in protocol 0."""
        line = self.line()
        if letter == "S":
            if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
                raise ValueError("a text without quotation marks")
            return line[1:-1].decode("unicode_escape").encode("latin-1")
        if letter == "V":
            return line.decode("raw_unicode_escape")
        if letter == "F":
            return float(line)
        if letter == "I" and line in (b"00", b"01"):
            return line == b"01"
        return int(line.removesuffix(b"L"))

    def pop(self, n: int) -> list[Any]:
        """The n values on top, none from below the last mark."""
        start = len(self.stack) - n
        if start < (self.marks[-1] if self.marks else 0):
            raise IndexError("too few values")
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def pop_mark(self) -> list[Any]:
        """The values above the last mark."""
        values = self.pop(len(self.stack) - self.marks[-1])
        self.marks.pop()
        return values

    def fill(self, target: dict[Any, Any], values: list[Any]) -> dict[Any, Any]:
        for key, value in zip(values[::2], values[1::2], strict=True):
            target[_expect(key, (str, bytes, int))] = value
        return target

    def name(self, module: str, name: str) -> None:
        if (module, name) not in _NAMES:
            raise DataError(f"The pickle asks for {module}.{name}, which is no data.")
        self.stack.append(_Name(_NAMES[module, name]))


def _expect(value: Any, kind: Any) -> Any:
    """The value, if it is of this kind and no name, which is a str only here."""
    if not isinstance(value, kind) or (isinstance(value, _Name) and kind is not _Name):
        raise TypeError(f"{type(value).__name__} where something else belongs")
    return value


def _made(name: _Name, arguments: tuple[Any, ...]) -> Any:
    """What stands for a call in the pickle: an empty array or a dtype, completed later, or bytes."""
    if name == "reconstruct" and len(arguments) == 3 and isinstance(arguments[0], _Name) and arguments[0] == _ARRAY:
        return np.empty(0, np.uint8)
    if name == _DTYPE and 1 <= len(arguments) <= 3:
        code = arguments[0].decode() if isinstance(arguments[0], bytes) else _expect(arguments[0], str)
        if _CODE.fullmatch(code):
            return _Dtype(code)
        raise DataError(f"The pickle has an array of dtype {code[:20]!r}: only numbers and lists are read.")
    if name == _ENCODE and len(arguments) == 2 and arguments[1] in ("latin1", b"latin1"):
        return _expect(arguments[0], str).encode("latin-1")
    if name == _BYTES and not arguments:
        return b""
    raise DataError(f"The pickle calls {name} in a way that makes no data.")


def _complete(target: Any, state: tuple[Any, ...]) -> None:
    """Give an array or a dtype its content."""
    if isinstance(target, _Dtype):
        order = state[1].decode() if isinstance(state[1], bytes) else state[1]
        if state[0] not in (3, 4) or order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise ValueError("a dtype that is not plain")
        target.order = order
        return
    _, shape, dtype, columns_first, content = state
    count = math.prod(_expect(n, int) for n in _expect(shape, tuple))
    if len(shape) > 32 or any(n < 0 for n in shape):
        raise ValueError("a shape that cannot be")
    code = _expect(dtype, _Dtype).code
    kind = np.dtype(object if code[0] == "O" else dtype.order + code)
    if kind.hasobject:
        fits = len(_expect(content, list)) == count
        content = list(content)
    else:
        fits = len(_expect(content, bytes)) == count * kind.itemsize
    if not fits:
        raise ValueError(f"an array of shape {shape} with other content")
    _expect(target, np.ndarray).__setstate__((1, shape, kind, bool(columns_first), content))

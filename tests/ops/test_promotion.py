"""In which dtype two operands meet: as in Keras, for arrays of all kinds and Python's numbers."""

import json
from pathlib import Path

import pytest

from autonet import ops
from tests.ops.pairs import FUNCTIONS, answer, pairs

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "promotion.json").read_text(encoding="utf-8"))["dtypes"]

BYTES = {"uint8", "int8"}
PRODUCTS = {"dot", "inner", "matmul", "vdot"}


def _own(name, first, second, expected):
    """Where autonet answers otherwise on purpose."""
    if name in PRODUCTS and BYTES & {first, second} and {first, second} <= {*BYTES, "bool", "an int", "a bool"}:
        return True  # sums of products of bytes are int32, some of Keras's overflow in a byte
    if (first, second) == ("float16", "a float") and name in ("arctan2", "logaddexp", "logaddexp2"):
        return True  # a number is weak here too
    return expected == "refused" and (name == "dot" or (name in ("kron", "ldexp") and "bool" in first + second))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_dtypes_are_those_of_keras(name):
    expected = iter(GOLDEN[name].split())
    for _, first, second, x1, x2 in pairs(name):
        dtype = next(expected)
        if not _own(name, first, second, dtype):
            assert answer(getattr(ops, name), x1, x2) == dtype, (first, second)

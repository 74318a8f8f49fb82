"""What an operation cannot take is refused in its own name."""

import numpy as np
import pytest

from autonet import ops
from autonet.errors import DataError, DtypeError, ShapeError


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda: ops.sign(True), r"^sign cannot take operands of dtype bool: .*Cast an operand\.$"),
        (lambda: ops.bitwise_not(0.5), "^bitwise_invert cannot take operands of dtype float32"),
        (lambda: ops.gcd([1.0], [2.0]), "^gcd cannot take operands of dtype float32, float32"),
        (lambda: ops.subtract([True], [False]), "^subtract cannot take operands of dtype bool, bool"),
        (lambda: ops.argmax(np.ones((2, 3)), axis=(0, 1)), r"axis=\(0, 1\).*or choose other settings"),
    ],
)
def test_types(call, advice):
    with pytest.raises(DtypeError, match=advice):
        call()


@pytest.mark.parametrize("op", [ops.det, ops.inv])
def test_shapes(op):
    with pytest.raises(ShapeError, match=r"cannot take operands of shapes \(2, 3\): .*square.*Reshape"):
        op(np.ones((2, 3)))


@pytest.mark.parametrize("op", [ops.inv, ops.cholesky, lambda a: ops.solve(a, np.ones(2))])
def test_numbers(op):
    """A matrix without an inverse has the right shape."""
    with pytest.raises(DataError, match="(Singular|definite).*Check their numbers"):
        op(np.zeros((2, 2)))


def test_advice_goes_by_the_reason():
    with pytest.raises(ShapeError, match=r"^stack expects arrays of one shape; received \(2,\), \(3,\)\."):
        ops.stack([np.ones(2), np.ones(3)])
    with pytest.raises(ShapeError, match="out of bounds for axis 0 with size 3. Choose indices that the axis has"):
        ops.scatter_update(np.zeros(3), [[5]], [1.0])
    with pytest.raises(DtypeError, match="^max cannot take operands of dtype uint8.*out of bounds for uint8"):
        ops.max(np.zeros(2, "uint8"), initial=300)

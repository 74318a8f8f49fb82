"""Keras's public names: golden/README.md says which exist, and functions take what Keras's take."""

import pytest

from tests import namespaces

# Deliberate: what ours takes besides or otherwise, and why.
OTHERWISE = {
    "ops.stop_gradient": "a primitive, whose operand is named x",
    "saving.save_weights": "a file is not cut into shards",
}


def test_the_table_says_what_exists():
    assert namespaces.shown() == namespaces.block(), "run python tests/namespaces.py --write"


@pytest.mark.parametrize("path", [p for p in namespaces.PACKAGES if p not in namespaces.WITHIN_OPS])
def test_functions_take_what_keras_takes(path):
    assert [row for row in namespaces.differences(path) if f"{path}.{row[0]}" not in OTHERWISE] == []


@pytest.mark.parametrize("path", namespaces.WITHIN_OPS)
def test_parts_of_ops_have_what_ops_has(path):
    assert set(namespaces.missing(path)) <= set(namespaces.missing("ops"))

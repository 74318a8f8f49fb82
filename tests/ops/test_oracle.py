"""Derivatives to third order are those of the values, which an oracle knows without any rule."""

import numpy as np
import pytest

from tests.ops import oracle

ROWS = oracle.rows()


@pytest.mark.parametrize("name", ROWS)
def test_derivatives_to_third_order(name):
    rng = np.random.default_rng(3)
    asked = [oracle.judge(case, call, rng) for case in ROWS[name] for call in oracle.points(case, 1, seed=7)]
    assert any(how for how, _ in asked), (
        "no oracle knows this primitive: give a row of it a domain where values are smooth"
    )
    assert [wrong for _, wrong in asked if wrong] == []


def test_a_wrong_rule_is_seen(monkeypatch):
    tanh = oracle.PRIMITIVES["tanh"]
    rule = tanh.rules["x"]
    monkeypatch.setitem(tanh.rules, "x", lambda g, y: (1 + 3e-7) * rule(g, y))
    monkeypatch.setattr(tanh, "pull", tanh._first_pull)
    monkeypatch.setattr(tanh, "pull_on_arrays", None)
    [call] = oracle.points(ROWS["tanh"][0], 1, seed=7)
    assert "derivative 1 is" in oracle.judge(ROWS["tanh"][0], call, np.random.default_rng(3))[1]

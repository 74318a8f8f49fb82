"""Optimizers and schedules do what Keras's do: values recorded by tests/golden/record_optimizers.py."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from autonet import optimizers
from autonet.variable import Variable

with np.load(Path(__file__).parents[1] / "golden" / "optimizers.npz") as file:
    GOLDEN = dict(file)
FACTS = json.loads(str(GOLDEN["facts"]))


def signature(cls):
    parameters = [p for p in inspect.signature(cls).parameters.values() if p.kind != p.VAR_KEYWORD]
    return [[p.name, None if p.default is p.empty else p.default] for p in parameters]


@pytest.mark.parametrize("i", range(len(FACTS["cases"])), ids=[f"{i}-{n}" for i, (n, _) in enumerate(FACTS["cases"])])
def test_steps(i):
    name, options = FACTS["cases"][i]
    optimizer = optimizers.deserialize({"class_name": name, "config": options})
    weights = [Variable(GOLDEN["kernel"], name="kernel"), Variable(GOLDEN["bias"], name="bias")]
    optimizer.build(weights)
    path = []

    def look():
        path.append(np.concatenate([w.numpy().ravel() for w in weights]))

    for gradients in zip(GOLDEN["kernel_gradients"], GOLDEN["bias_gradients"], strict=True):
        optimizer.apply(gradients)
        look()
    optimizer.finalize_variable_values(weights)
    look()
    state = np.concatenate([v.numpy().ravel() for v in optimizer.variables])
    # 1 - beta^t cancels, so an ulp of a power weighs more in Nadam, whose powers the two compute in other orders;
    # in Ftrl so do differences of powers, and in ScheduleFreeAdamW those between weight and average
    near = {"Nadam": 1e-5, "Ftrl": 1e-6, "ScheduleFreeAdamW": 5e-6}
    tolerance = {"rtol": 1e-6, "atol": near.get(name, 3e-7)}
    np.testing.assert_allclose(path, GOLDEN[f"path_{i}"], **tolerance)
    np.testing.assert_allclose(state, GOLDEN[f"state_{i}"], **tolerance)


@pytest.mark.parametrize("i", range(len(FACTS["schedules"])))
def test_rates(i):
    name, config = FACTS["schedules"][i]
    schedule = getattr(optimizers.schedules, name)(**config)
    rates = [float(schedule(s)) for s in range(len(GOLDEN[f"rates_{i}"]))]
    np.testing.assert_allclose(rates, GOLDEN[f"rates_{i}"], rtol=1e-6, atol=2e-8)
    assert schedule.get_config() == FACTS["schedule_configs"][i]


@pytest.mark.parametrize("name", FACTS["signatures"])
def test_arguments(name):
    cls = getattr(optimizers, name)
    assert signature(cls) == FACTS["signatures"][name]
    config = cls(name="a").get_config()
    assert config == FACTS["configs"][name]
    assert list(config) == list(FACTS["configs"][name])


@pytest.mark.parametrize("name", FACTS["schedule_signatures"])
def test_schedule_arguments(name):
    assert signature(getattr(optimizers.schedules, name)) == FACTS["schedule_signatures"][name]

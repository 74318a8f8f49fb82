"""What a monitor finds: the illness of nets that are ill, nothing in those that train well."""

import numpy as np
import pytest

from autonet.callbacks import TrainingMonitor
from autonet.callbacks.findings import Finding, Findings, look_into
from autonet.callbacks.training_monitor import LayerHistory
from tests.callbacks.nets import HEALTHY, ILL, trained

LONG = {
    "five sigmoids",
    "tiny weights",
    "twelve, adam",
    "not finite",
    "thrown off, adam",
    "1e-6, adam",
    "1e-6, convolutions",
}
LONG |= {"100, tanh", "100, convolutions", "100, normalized", "inputs not scaled"}
LONG |= {
    "relu, to the end",
    "tanh, full batch",
    "deep, selu",
    "normalized, fast",
    "regression, large numbers",
    "relu, slow",
}
LONG |= {"sigmoid, quadratic", "autoencoder", "binary"}


def cases(family):
    """All of them; those that others resemble are for those who have minutes."""
    return [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in family]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", cases(HEALTHY))
def test_nothing_is_found_in_a_training_that_goes_well(name):
    monitor, history = trained(*HEALTHY[name])
    found = monitor.diagnose()
    assert [f.kind for f in found] == ["healthy"], str(found)
    assert history.history["loss"][-1] < history.history["loss"][0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", cases(ILL))
def test_an_illness_is_named(name):
    kind, *training = ILL[name]
    monitor, _ = trained(*training)
    found = monitor.diagnose()
    assert kind in [f.kind for f in found], str(found)
    finding = next(f for f in found if f.kind == kind)
    assert finding.advice and str(finding).startswith(f"{kind}: ")
    assert finding.layer is None or finding.layer in monitor.history
    assert finding.epoch is not None and f"epoch {finding.epoch + 1}" in finding.text or "all epochs" in finding.text


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["relu", "embedding", "regression"])
def test_few_samples_raise_no_alarm(name):
    monitor, _ = trained(*HEALTHY[name], samples=None)
    assert [f.kind for f in monitor.diagnose()] == ["healthy"]


def test_findings_print_as_paragraphs():
    found = Findings([Finding("dead", "a", 0, 1.0, "text.", "help."), Finding("healthy", None, 0, 0.0, "fine.")])
    assert str(found) == repr(found) == "dead: text. What usually helps: help.\nhealthy: fine."


def test_of_nothing_nothing_is_said():
    assert [f.kind for f in TrainingMonitor().diagnose()] == ["nothing"]
    (finding,) = look_into(LayerHistory({}, [], [], []), {})
    assert finding.kind == "nothing" and "no step was sampled yet" in finding.text and np.isnan(finding.value)

"""Models nest what they give as Keras's do: recorded by tests/golden/record_structures.py."""

import json
from pathlib import Path

import pytest

import autonet
from tests.models.structures import CALLS, OUTPUTS, of_calls, of_inputs, of_outputs

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "structures.json").read_text(encoding="utf-8"))["cases"]


def agree(found, case):
    """Wherever Keras has an answer it is ours; where it has an error, ours may be an answer."""
    known = {question: answer for question, answer in GOLDEN[case].items() if answer != "error"}
    assert {question: json.loads(json.dumps(found[question])) for question in known} == known


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs(name):
    agree(of_outputs(autonet, OUTPUTS[name]), name)


@pytest.mark.parametrize("name", CALLS)
def test_calls(name):
    agree(of_calls(autonet, CALLS[name]), name)


def test_inputs():
    for case, found in of_inputs(autonet).items():
        agree(found, case)


def test_a_model_of_a_list_of_one_is_a_tensor_in_another():
    i, j = autonet.Input((3,)), autonet.Input((3,))
    inner = autonet.Model(i, [autonet.layers.Dense(2)(i)])
    assert autonet.Model(j, autonet.layers.Dense(1)(inner(j))).output_shape == (None, 1)


def test_metrics_and_weights_of_nested_outputs():
    outputs = OUTPUTS["{p: [a, b], q: c}"]
    i = autonet.Input((3,))
    model = autonet.Model(i, outputs(*[autonet.layers.Dense(n + 1, name=name)(i) for n, name in enumerate("abc")]))
    model.compile("sgd", "mse", metrics={"p/a": "mae", "q": ["mae"]}, loss_weights={"p": [1.0, 2.0], "q": 0.0})
    from tests.models.structures import X

    y = {"p": [X[:, :1], X[:, :2]], "q": X}
    found = model.evaluate(X, y, sample_weight={"p": [X[:, 0], X[:, 0]], "q": X[:, 0]}, verbose=0, return_dict=True)
    assert set(found) == {"loss", "p/a_loss", "p/b_loss", "q_loss", "p/a_mae", "q_mae"}
    assert found["loss"] == pytest.approx(found["p/a_loss"] + 2 * found["p/b_loss"], rel=1e-5)


@pytest.mark.parametrize(
    "loss, keys",
    [
        ({"p": ["mse", "mae"], "q": "mse"}, {"loss", "p/a_loss", "p/b_loss", "q_loss"}),
        ({"p": ["mse", None], "q": "mse"}, {"loss", "p/a_loss", "q_loss"}),
        ({"p": None, "q": "mse"}, {"loss"}),
        ({"q": "mse"}, {"loss"}),
        ({"p": ["mse", "mae"]}, {"loss", "p/a_loss", "p/b_loss"}),
    ],
)
def test_losses_by_the_outermost_keys(loss, keys):
    i = autonet.Input((3,))
    a, b, c = [autonet.layers.Dense(n + 1, name=name)(i) for n, name in enumerate("abc")]
    model = autonet.Model(i, {"p": [a, b], "q": c})
    model.compile("sgd", loss)
    from tests.models.structures import X

    assert set(model.evaluate(X, {"p": [X[:, :1], X[:, :2]], "q": X}, verbose=0, return_dict=True)) == keys


@pytest.mark.parametrize(
    "loss", [{"p": "mse", "q": "mse"}, {"p": ["mse"], "q": "mse"}, {"r": "mse"}, {"a": "mse", "q": "mse"}]
)
def test_one_loss_under_a_key_of_several_outputs_is_refused(loss):
    i = autonet.Input((3,))
    a, b, c = [autonet.layers.Dense(n + 1)(i) for n in range(3)]
    model = autonet.Model(i, {"p": [a, b], "q": c})
    model.compile("sgd", loss)
    from tests.models.structures import X

    with pytest.raises(autonet.errors.ArgumentError):
        model.evaluate(X, {"p": [X[:, :1], X[:, :2]], "q": X}, verbose=0)

"""What training on ranks means beside its numbers: backups, files, prints, refusals."""

import numpy as np
import pytest

import autonet as keras
from autonet import distribution, layers
from autonet.errors import ArgumentError
from autonet.training import distributed
from tests.distribution.test_bits import run

pytestmark = pytest.mark.extra("mpi")


@pytest.mark.parametrize("ranks", [(2, 3), pytest.param((3, 1), marks=pytest.mark.slow)], ids=str)
def test_a_killed_training_goes_on_with_another_number_of_ranks(tmp_path, ranks):
    """Killed in the midst of an epoch; rank 0 alone wrote."""
    run(1, "resume", tmp_path / "whole.npz", tmp_path / "whole", 1000)
    assert run(ranks[0], "resume", tmp_path / "none.npz", tmp_path / "backup", 4, check=False).returncode != 0
    run(ranks[1], "resume", tmp_path / "resumed.npz", tmp_path / "backup", 1000)
    expected, found = np.load(tmp_path / "whole.npz"), np.load(tmp_path / "resumed.npz")
    assert set(expected) == set(found) and len(expected["log"]) == 4
    assert [k for k in expected if expected[k].tobytes() != found[k].tobytes()] == []
    assert (tmp_path / "whole/log.csv").read_text() == (tmp_path / "backup/log.csv").read_text()


def test_an_unchanged_script_runs_on_two_ranks():
    found = run(2, "unchanged", AUTONET_DISTRIBUTION="mpi")
    assert found.stdout.count("RESULT") == 1 and found.stdout.count("Epoch 2/2") == 1, found.stdout
    assert found.stderr == ""


@pytest.fixture
def one_rank():
    distribution.set_distribution(distribution.DataParallel(blocks=4))
    yield
    distribution.set_distribution(None)


class Own(keras.Sequential):
    def train_step(self, data):
        return super().train_step(data)


REFUSED = {  # what cannot be shared out: a model, and what the error says
    "step": (lambda: Own([layers.Dense(1)]), "sgd", "has a train_step of its own"),
    "search": (lambda: keras.Sequential([layers.Dense(1)]), keras.optimizers.LBFGS, "weights of its own choice"),
    "state": (
        lambda: keras.Sequential(
            [keras.Input(batch_shape=(8, 6)), layers.Reshape((2, 3)), layers.LSTM(2, stateful=True), layers.Dense(1)]
        ),
        "sgd",
        "is stateful",
    ),
    "moments": (
        lambda: keras.Sequential([layers.BatchNormalization(synchronized=True), layers.Dense(1)]),
        "sgd",
        "synchronized",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_shared_out_is_refused(one_rank, name):
    make, optimizer, message = REFUSED[name]
    model = make()
    model.compile(optimizer() if callable(optimizer) else optimizer, "mse")
    with pytest.raises(ArgumentError, match=message):
        model.fit(np.ones((8, 6)), np.ones((8, 1)), batch_size=8, verbose=0)


class Largest(keras.metrics.Metric):
    """The largest target so far, which is no sum."""

    def __init__(self):
        super().__init__(name="largest")
        self.largest = self.add_variable((), "zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(keras.ops.maximum(self.largest, keras.ops.max(y_true)))

    def result(self):
        return self.largest


class Summed(Largest):
    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign_add(keras.ops.sum(y_true))


def test_metrics_of_ones_own_are_sums(one_rank):
    x, y = np.ones((8, 3)), np.arange(1.0, 9)[:, None]
    for metric in (Summed(), Largest()):
        model = keras.Sequential([layers.Dense(1)])
        model.compile("sgd", "mse", metrics=[metric])
        if type(metric) is Summed:
            assert model.fit(x, y, verbose=0).history["largest"] == [36.0]
        else:
            with pytest.raises(ArgumentError, match="'largest' keeps a state that is no sum"):
                model.fit(x, y, verbose=0)


def test_ranks_with_other_data_are_told():
    found = run(2, "other_data", check=False)
    assert found.returncode and found.stderr.count("The ranks have different data") >= 2, found.stderr


def test_a_model_may_have_a_distribution_of_its_own():
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse", distribution=distribution.DataParallel(blocks=3))
    x, y = np.random.default_rng(0).normal(size=(2, 8, 2))
    model.fit(x, y[:, :1], verbose=0)
    assert model._step_function("train").distribution.blocks == 3
    assert distribution.distribution() is None
    with pytest.raises(ArgumentError, match="expects distribution to be a DataParallel"):
        model.compile("sgd", "mse", distribution="mpi")


PREDICTIONS = """\
shared: 24, 24, 26; True
a part: 16, 16, 24; True
few: 16, 16, 16; True
draws: 58, 58, 58; True
heard: 50, 50, 50; True
other rows: 58, 58, 58; True
other weights: 58, 58, 58; True
made: 50, 50, 50; True
texts: 24, 24, 26; True
"""  # eight rows more than its share are a first look at what a step leaves behind


def test_each_rank_predicts_its_share_where_it_can():
    found = run(3, "predictions")
    assert found.stdout == PREDICTIONS


def test_gradients_set_out_while_the_walk_back_goes_on(one_rank, monkeypatch):
    monkeypatch.setattr(distributed, "GROUP", 1)  # numbers: each gradient by itself
    monkeypatch.setattr(distribution.distribution().group, "local_size", 0)  # as if others were on other machines
    early, waiting = [], distributed.waiting
    monkeypatch.setattr(
        distributed, "waiting", lambda take: waiting(lambda g, arrays: (early.append(g), take(g, arrays)))
    )
    model = keras.Sequential([layers.Dense(8, "relu"), layers.Dense(4, "relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).standard_normal((32, 6)).astype("float32")
    model.fit(x, x[:, :1], epochs=2, verbose=0)
    plan = model._step_function("train")._block.last.plan
    order = [i.op for i in plan.program.instructions]
    behind = [order[k:].count("matmul") for k, op in enumerate(order) if op == "hand_over"]
    assert behind == sorted(behind, reverse=True) and behind[0] >= 3 and len(behind) == 5, order
    assert early == [*range(5)] * 8  # in each of four blocks of two steps


def test_a_step_that_fails_everywhere_leaves_nothing_behind():
    assert run(2, "recovers").stdout == "RESULT [None, None]\n"

"""Training: models built and fitted; halving goes on to the same bits; the best weights come back."""

import numpy as np
import pytest

import autonet
from autonet import tuner
from autonet.errors import ArgumentError, DataError
from tests.tuner.objectives import SPACE, build, build_sized, digits, key, training


@pytest.mark.parametrize("method", ["random", "halving"])
@pytest.mark.parametrize("made", [build, build_sized], ids=["built by the data", "built at once"])
def test_the_best_model_is_the_one_that_had_the_best_score(method, made):
    x_test, y_test = digits()[2]
    kept = {}

    class Keep(autonet.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept[logs["val_accuracy"], epoch] = self.model.get_weights()

    result = tuner.search(training(made, 4, callbacks=[Keep()]), SPACE, method, 4, seed=5, verbose=0)
    model = result.best_model()
    assert model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"] == result.best.score
    reports = result.best.reports
    assert result.best.score == max(reports)
    candidates = [w for (score, epoch), w in kept.items() if score == max(reports) and epoch == reports.index(score)]
    assert any(all(a.tobytes() == b.tobytes() for a, b in zip(model.get_weights(), w, strict=True)) for w in candidates)


def test_halving_goes_on_to_the_bits_of_an_unbroken_training():
    broken = tuner.search(training(epochs=4), SPACE, tuner.Halving(2), 4, seed=5, verbose=0)
    assert [(o.epochs, len(o.reports)) for o in broken.trials if o.epochs == 4] == [(4, 4)]
    whole = tuner.search(training(epochs=4), SPACE, "random", 4, seed=5, verbose=0)
    for outcome in broken.outcomes:
        assert outcome.reports == whole.outcomes[outcome.number].reports[: outcome.epochs]


def test_halving_that_was_ended_anywhere_goes_on_to_the_same(tmp_path):
    whole = key(tuner.search(training(epochs=4), SPACE, tuner.Halving(2), 4, seed=5, verbose=0, journal=tmp_path / "w"))
    calls = []

    class Ends(tuner.Training):
        def __call__(self, trial):
            calls.append(trial.number)
            score = super().__call__(trial)
            if len(calls) in (2, 5, 7):  # the trial is done, but its outcome is not written down
                raise KeyboardInterrupt
            return score

    x, y, held_out = digits()
    ends = Ends(build, x, y, 4, "val_accuracy", validation_data=held_out)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            tuner.search(ends, SPACE, tuner.Halving(2), 4, seed=5, verbose=0, journal=tmp_path / "j")
    result = tuner.search(ends, SPACE, tuner.Halving(2), 4, seed=5, verbose=0, journal=tmp_path / "j")
    assert key(result) == whole and len(calls) == 10
    result.best_model()


def test_a_journal_brings_the_best_model_back(tmp_path):
    first = tuner.search(training(), SPACE, trials=4, seed=5, verbose=0, journal=tmp_path / "j")
    again = tuner.search(training(), SPACE, trials=4, seed=5, verbose=0, journal=tmp_path / "j")
    for a, b in zip(first.best_model().get_weights(), again.best_model().get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
    for file in (tmp_path / "j.trials").rglob("*.weights"):
        file.unlink()
    with pytest.raises(DataError, match="are not in .* any more"):
        again.best_model()


@pytest.mark.parametrize(
    "other", [{"epochs": 2}, {"monitor": "val_loss"}, {"batch_size": 16}, {"validation_data": digits(50)[:2]}], ids=str
)
def test_another_training_is_not_the_journals(other, tmp_path):
    tuner.search(training(), SPACE, trials=1, seed=5, verbose=0, journal=tmp_path / "j")
    with pytest.raises(DataError, match="journal of another search: its (objective|mode) is"):
        tuner.search(training(**other), SPACE, trials=1, seed=5, verbose=0, journal=tmp_path / "j")


def test_a_batch_size_can_be_searched():
    steps = {}

    class Count(autonet.callbacks.Callback):
        def on_train_begin(self, logs=None):
            steps[self.params["steps"]] = True

    space = tuner.Space(**{**SPACE.scales, "batch_size": tuner.Choice([20, 50])})
    tuner.search(training(callbacks=[Count()], epochs=1), space, tuner.Grid(1), seed=5, verbose=0)
    assert sorted(steps) == [4, 10]


def test_each_trial_has_callbacks_of_its_own():
    stopping = autonet.callbacks.EarlyStopping("val_accuracy", patience=1)
    result = tuner.search(training(epochs=6, callbacks=[stopping]), SPACE, trials=3, seed=5, workers=3, verbose=0)
    alone = tuner.search(training(epochs=6, callbacks=[stopping]), SPACE, trials=3, seed=5, verbose=0)
    assert key(result) == key(alone)
    assert stopping.best is None and stopping.model is None
    assert min(len(o.reports) for o in result.outcomes) < 6


def test_a_diverging_trial_has_no_score():
    space = tuner.Space(rate=tuner.Choice([1e-3, 1e30]), units=tuner.Choice([4]), kind=tuner.Choice(["relu"]))

    def sgd(rate, units, kind):
        model = autonet.Sequential([autonet.layers.Flatten(), autonet.layers.Dense(10)])
        model.compile(autonet.optimizers.SGD(rate), "mse")
        return model

    x, _, _ = digits()
    y = np.ones((len(x), 10), "float32")
    objective = tuner.Training(sgd, x, y, epochs=2, monitor="loss", callbacks=[autonet.callbacks.TerminateOnNaN()])
    result = tuner.search(objective, space, "grid", 2, seed=5, verbose=0)
    assert result.mode == "min" and result.best.parameters["rate"] == 1e-3
    assert not np.isfinite(result.outcomes[1].score) and result.outcomes[1].error is None
    assert np.isfinite(result.best.score)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"rate": tuner.Log(1e-3, 1)}, "takes rate, units, kind"),
        ({**SPACE.scales, "momentum": tuner.Uniform(0, 1)}, "parameters rate, units, kind, momentum"),
    ],
)
def test_a_space_of_other_names_is_refused_at_once(space, message):
    with pytest.raises(ArgumentError, match=message):
        tuner.search(training(), space, trials=3, verbose=0)


def test_what_does_not_fit_is_told():
    x, y, _ = digits()
    for options, message in (
        ({"build": lambda rate, units, kind: autonet.Sequential([]), "epochs": 1}, "must return a compiled model"),
        ({"build": build, "epochs": None}, "how many epochs"),
        ({"build": build, "epochs": 1, "monitor": "val_loss"}, "which the logs do not hold"),
    ):
        result = tuner.search(tuner.Training(x=x, y=y, **options), SPACE, trials=1, verbose=0)
        assert message in result.outcomes[0].error
    with pytest.raises(ArgumentError, match="function that builds"):
        tuner.Training("model", x, y)
    with pytest.raises(ArgumentError, match="whether 'quality' shall rise or fall"):
        tuner.Training(build, x, y, monitor="quality")
    with pytest.raises(
        ArgumentError, match=r"^Training .*'val_acuracy'.*Did you mean 'val_accuracy'\? Values of validation"
    ):
        tuner.Training(build, x, y, monitor="val_acuracy")
    with pytest.raises(ArgumentError, match=r"Did you mean 'val_accuracy'\? For a metric"):
        tuner.Training(build, x, y, monitor="val_acuracy", validation_split=0.1)
    with pytest.raises(ArgumentError, match="received mode='min'"):
        tuner.search(training(), SPACE, trials=1, mode="min")
    result = tuner.search(lambda trial: 1.0, SPACE, trials=1, verbose=0)
    with pytest.raises(ArgumentError, match="objective is a tuner.Training"):
        result.best_model()

"""Models in scikit-learn: its own checks, and its own tools around them."""

import pickle

import numpy as np
import pytest

import autonet as keras
from autonet.errors import ArgumentError

pytestmark = pytest.mark.extra("sklearn")


def network(X, y, loss, units=16, **more):
    """A small compiled network for what it is given."""
    outputs = 1 if y is None else np.asarray(y).reshape(len(X), -1).shape[1]
    last = "softmax" if loss == "categorical_crossentropy" else None
    model = keras.Sequential([keras.layers.Input((X.shape[1],)), keras.layers.Dense(units, activation="relu")])
    model.add(keras.layers.Dense(outputs, activation=last))
    model.compile(keras.optimizers.Adam(0.01), loss)
    return model


def estimator(name, **more):
    from autonet import wrappers

    made = {
        "SKLearnClassifier": {"model_kwargs": {"loss": "categorical_crossentropy"}, "fit_kwargs": {"epochs": 30}},
        "SKLearnRegressor": {"model_kwargs": {"loss": "mse"}, "fit_kwargs": {"epochs": 100}},
        "SKLearnTransformer": {"model_kwargs": {"loss": "mse"}},
    }
    cls = getattr(wrappers, name)
    return cls(model=network, **{**made[name], **more}) if name in made else cls(**more)


NAMES = ("SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer", "MLPClassifier", "MLPRegressor")


@pytest.mark.filterwarnings("ignore::UserWarning")  # data on purpose not scaled
@pytest.mark.filterwarnings("ignore:.*not checking array_api.*")
@pytest.mark.parametrize("name", NAMES)
def test_scikit_learns_checks_pass_whole(name):
    from sklearn.utils.estimator_checks import check_estimator

    found = check_estimator(estimator(name, random_state=0), on_fail=None, on_skip=None)
    assert len(found) > 30
    assert [(r["check_name"], str(r["exception"])) for r in found if r["status"] not in ("passed", "skipped")] == []
    skipped = {r["check_name"] for r in found if r["status"] == "skipped"}
    by_rounding = {"check_pipeline_consistency", "check_transformer_general", "check_transformer_data_not_an_array"}
    assert skipped <= {"check_array_api_input", *(by_rounding if name.startswith("SK") else ())}


@pytest.fixture
def blobs(rng):
    y = rng.integers(0, 3, 150)
    centres = np.array([[0.0, 3.0], [3.0, 0.0], [-3.0, -2.0]])
    return centres[y] + rng.standard_normal((150, 2)), np.array(["a", "b", "c"])[y]


@pytest.mark.parametrize("name", ["SKLearnClassifier", "MLPClassifier"])
def test_in_pipelines_searches_and_copies(name, blobs):
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = blobs
    one = clone(estimator(name, random_state=1))
    assert cross_val_score(make_pipeline(StandardScaler(), one), x, y, cv=3).mean() > 0.9
    part = "model_kwargs" if name.startswith("SK") else "hidden_layer_sizes"
    choices = (
        [{"loss": "categorical_crossentropy", "units": n} for n in (4, 8)] if name.startswith("SK") else [4, (8, 8)]
    )
    search = GridSearchCV(one, {part: choices}, cv=2, n_jobs=2).fit(x, y)
    assert search.best_score_ > 0.9 and search.best_params_[part] in choices
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert np.array_equal(again.predict(x), search.best_estimator_.predict(x))
    proba = again.predict_proba(x)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert set(again.predict(x)) <= {"a", "b", "c"}


def test_a_given_model_is_copied_with_its_weights(rng):
    x = rng.standard_normal((40, 3)).astype(np.float32)
    model = network(x, x[:, 0], "mse")
    before = model.get_weights()
    fitted = keras.wrappers.SKLearnRegressor(model, fit_kwargs={"epochs": 1}).fit(x, x[:, 0])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert fitted.model_ is not model and fitted.predict(x).shape == (40,)
    assert list(fitted.history_) and fitted.score(x, x[:, 0]) < 1
    first = fitted.history_["loss"][0]
    fitted.set_params(warm_start=True).fit(x, x[:, 0], epochs=20)
    assert fitted.history_["loss"][-1] < first and len(fitted.history_["loss"]) == 20
    fitted.partial_fit(x, x[:, 0])
    assert len(fitted.history_["loss"]) == 1


def test_a_transformer_names_its_features(rng):
    x = rng.standard_normal((40, 3))
    reduced = estimator("SKLearnTransformer", random_state=0).set_output(transform="default").fit(x, x[:, :2])
    assert reduced.transform(x).shape == (40, 2) and reduced.transform(x).dtype == x.dtype
    assert list(reduced.get_feature_names_out()) == ["sklearntransformer0", "sklearntransformer1"]


def test_sample_weights_are_rows_that_come_so_often(rng):
    x, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    often = rng.integers(0, 3, 30)
    some = keras.wrappers.MLPRegressor(8, random_state=0, max_iter=20).fit(x, y, sample_weight=often)
    rows = keras.wrappers.MLPRegressor(8, random_state=0, max_iter=20).fit(x.repeat(often, 0), y.repeat(often))
    np.testing.assert_allclose(some.predict(x), rows.predict(x), rtol=1e-8, atol=1e-8)


def test_early_stopping_and_dropout(blobs):
    x, y = blobs
    stopped = keras.wrappers.MLPClassifier(
        32, dropout=0.3, early_stopping=True, random_state=0, n_iter_no_change=3
    ).fit(x, y)
    assert stopped.n_iter_ == len(stopped.loss_curve_) <= 200 and stopped.score(x, y) > 0.9


def test_what_cannot_be_is_refused(rng):
    x = rng.standard_normal((10, 2))
    with pytest.raises(ArgumentError, match="compiled"):
        keras.wrappers.SKLearnRegressor(lambda X, y: keras.Sequential([keras.layers.Dense(1)])).fit(x, x[:, 0])
    with pytest.raises(ArgumentError, match="compiled"):
        keras.wrappers.SKLearnRegressor(keras.Sequential([keras.layers.Dense(1)])).fit(x, x[:, 0])
    with pytest.raises(ValueError, match="one class"):
        keras.wrappers.MLPClassifier().fit(x, np.zeros(10, int))
    with pytest.raises(ArgumentError, match="max_iter"):
        keras.wrappers.MLPRegressor(max_iter=0).fit(x, x[:, 0])
    with pytest.raises(AttributeError, match="no attribute 'SKLearn'"):
        _ = keras.wrappers.SKLearn

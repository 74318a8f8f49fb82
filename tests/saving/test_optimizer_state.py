"""An optimizer's state goes back to the weights it belongs to, whatever was frozen, unfrozen or replaced before saving."""

import copy
import inspect
import pickle
import zipfile

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L
from autonet.errors import ArgumentError, DataError
from autonet.optimizers import Optimizer
from autonet.saving import load_model
from autonet.saving.archive import write_archive
from autonet.saving.models import describe

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = X[:, ::-1].copy()


class Both(Optimizer):
    """Kernels by one optimizer, the rest by another, built before for all."""

    def __init__(self, name=None, **_):
        super().__init__(0.0, name=name)
        self.by_kind = [(True, keras.optimizers.Adam(0.01)), (False, keras.optimizers.SGD(0.01, momentum=0.9))]

    def build(self, variables):
        variables, first = list(variables), not self.built
        super().build(variables)
        for kernels, inner in self.by_kind if first else ():
            inner.build(v for v in reversed(variables) if (v.ndim > 1) is kernels)

    @property
    def variables(self):
        return [*super().variables, *[v for _, inner in self.by_kind for v in inner.variables]]

    def apply(self, grads, trainable_variables=None):
        pairs = list(zip(grads, trainable_variables, strict=True))
        self.build(v for _, v in pairs)
        for kernels, inner in self.by_kind:
            if own := [(g, v) for g, v in pairs if (v.ndim > 1) is kernels]:
                inner.apply(*zip(*own, strict=True))

    def get_config(self):
        return {"name": self.name}


OPTIMIZERS = {
    name: cls
    for name, cls in inspect.getmembers(keras.optimizers, inspect.isclass)
    if issubclass(cls, Optimizer) and cls is not Optimizer and name not in ("LossScaleOptimizer", "MultiOptimizer")
} | {
    "average": lambda: keras.optimizers.Adam(use_ema=True, ema_overwrite_frequency=2),
    "accumulation": lambda: keras.optimizers.Adam(gradient_accumulation_steps=2),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), 8.0),
    "several": lambda: keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(keras.optimizers.SGD(momentum=0.5), {".*kernel": keras.optimizers.Adam()})
    ),
    "both": Both,
}


def chain():
    """All of whose weights have the same shapes, so that a wrong place shows in numbers only."""
    keras.utils.set_random_seed(1)
    return keras.Sequential([L.Input((4,)), *[L.Dense(4, name=name) for name in "abc"]], name="chain")


def fit(model, epochs=1):
    model.fit(X, Y, batch_size=4, epochs=epochs, shuffle=False, verbose=0)


def compiled(model, optimizer):
    model.compile(optimizer, "mse", run_eagerly=True)
    return model


def trained(optimizer, frozen=()):
    model = compiled(chain(), optimizer)
    for n in frozen:
        model.layers[n].trainable = False
    fit(model)
    return model


def frozen_before_saving(optimizer):
    model = trained(optimizer)
    model.layers[0].trainable = False
    return model


def all_frozen(optimizer):
    model = trained(optimizer)
    model.trainable = False
    return model


def unfrozen_before_saving(optimizer):
    model = trained(optimizer, [0])
    model.layers[0].trainable = True
    return model


def others_frozen(optimizer):
    model = trained(optimizer, [0])
    model.layers[0].trainable, model.layers[2].trainable = True, False
    return model


def frozen_and_compiled(optimizer):
    model = trained("sgd")
    model.layers[0].trainable = False
    compiled(model, optimizer)
    fit(model)
    return model


def other_order(optimizer):
    model = compiled(chain(), optimizer)
    model.optimizer.build(model.trainable_variables[::-1])
    fit(model)
    return model


def layer_removed(optimizer):
    model = trained(optimizer)
    model.pop()
    return model


def layer_replaced(optimizer):
    model = trained(optimizer)
    model.pop()
    model.add(L.Dense(4))
    return model


def shared_with_a_frozen_base(optimizer):
    model = trained(optimizer)
    base = keras.Model(model.inputs, model.layers[0].output)
    base.trainable = False
    return model


def head_on_a_base(optimizer):
    base = chain()
    base.trainable = False
    inputs = L.Input((4,))
    model = compiled(keras.Model(inputs, L.Dense(4)(base(inputs))), optimizer)
    fit(model)
    base.trainable = True
    return model


CHANGES = {
    f.__name__: f
    for f in (
        *(trained, frozen_before_saving, all_frozen, unfrozen_before_saving, others_frozen, frozen_and_compiled),
        *(other_order, layer_removed, layer_replaced, shared_with_a_frozen_base, head_on_a_base),
    )
}


def same(some, others):
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


def ending(v):
    return v.path.rpartition("/")[2]


def goes_on(one, other):
    """The same state, of the same weights, and the same training; or the same refusal to train."""
    assert [ending(v) for v in one.optimizer.variables] == [ending(v) for v in other.optimizer.variables]
    assert [v.shape for v in one.optimizer._trainable_variables] == [
        v.shape for v in other.optimizer._trainable_variables
    ]
    assert same(one.optimizer.get_weights(), other.optimizer.get_weights())
    results = []
    for model in (one, other):
        try:
            fit(model)
            results.append("trained")
        except ArgumentError as error:
            results.append(str(error))
    assert results[0] == results[1]
    assert same(one.get_weights(), other.get_weights())
    assert same(one.optimizer.get_weights(), other.optimizer.get_weights())


def through_a_file(model, folder):
    model.save(folder / "m.keras")
    return load_model(folder / "m.keras", custom_objects={"Both": Both})


@pytest.mark.filterwarnings("ignore:.*has no trainable weights. fit changes nothing")
@pytest.mark.parametrize("change", CHANGES)
def test_changes(change, tmp_path):
    model = CHANGES[change](keras.optimizers.Adam())
    loaded = through_a_file(model, tmp_path)
    loaded.run_eagerly = True
    again = through_a_file(loaded, tmp_path)
    again.run_eagerly = True
    for m in (again, loaded):
        goes_on(copy.deepcopy(model), m)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("change", ["frozen_before_saving", "others_frozen", "layer_replaced"])
def test_optimizers(name, change, tmp_path):
    model = CHANGES[change](OPTIMIZERS[name]())
    loaded = through_a_file(model, tmp_path)
    loaded.run_eagerly = True
    goes_on(model, loaded)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("change", ["frozen_before_saving", "others_frozen", "layer_replaced"])
def test_copies(change, copied):
    model = CHANGES[change](keras.optimizers.Adam())
    goes_on(copied(model), model)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("change", ["trained", "frozen_before_saving", "others_frozen", "other_order"])
def test_files_of_weights(change, name, tmp_path):
    model = CHANGES[change](OPTIMIZERS[name]())
    model.save_weights(tmp_path / "x.weights.h5")
    model.save(tmp_path / "m.keras", include_optimizer=False)
    loaded = load_model(tmp_path / "m.keras", custom_objects={"Both": Both})
    loaded.run_eagerly = True
    loaded.load_weights(tmp_path / "x.weights.h5")
    goes_on(model, loaded)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "both"])
def test_what_keras_looks_at(name, tmp_path):
    """A file without what Keras does not look at gives the state too, where it is as Keras expects it."""
    model = trained(OPTIMIZERS[name]())
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as whole, zipfile.ZipFile(tmp_path / "k.keras", "w") as part:
        for member in ("metadata.json", "config.json", "model.weights.h5"):
            part.writestr(member, whole.read(member))
    loaded = load_model(tmp_path / "k.keras", custom_objects={"Both": Both})
    loaded.run_eagerly = True
    goes_on(model, loaded)


def test_weights_of_keras(tmp_path):
    """A file of weights gives an optimizer the state of its own weights, or, with a warning, none."""
    path = tmp_path / "x.weights.h5"
    model = others_frozen(keras.optimizers.Adam())
    model.save_weights(path)
    new = compiled(chain(), "adam")
    new.layers[2].trainable = False
    new.load_weights(path)
    goes_on(model, new)
    for frozen in ((), (1,)):
        other = trained("adam", frozen)
        before = other.optimizer.get_weights()
        with pytest.warns(
            UserWarning, match="The state of adam.* stays as it was.*other weights than those of the state"
        ):
            other.load_weights(path)
        assert same(other.optimizer.get_weights(), before)
    model = trained("adam")
    model.save_weights(path)
    other = frozen_before_saving("adam")
    with pytest.warns(UserWarning, match="stays as it was.*its weights are not the trainable ones"):
        other.load_weights(path)
    with pytest.warns(UserWarning, match="of weights which the model no longer has"):
        layer_removed("adam").save_weights(path)


def rewritten(model, path, change):
    """Save a model as older versions did, and change what the file says of its optimizers."""
    config, variables = describe(model)
    arrays = {name: v.numpy() for name, v in variables.items()}
    change(config, arrays)
    write_archive(path, "model", config, arrays)


def test_files_that_do_not_say_it(tmp_path):
    """Those of older versions: the optimizer is of the trainable weights if all fits, or else starts anew."""
    path = tmp_path / "m.keras"

    def older(config, arrays):
        del config["optimizers"]

    model = trained("adam", [1])
    rewritten(model, path, older)
    loaded = load_model(path)
    loaded.run_eagerly = True
    goes_on(model, loaded)
    for change in (frozen_before_saving, unfrozen_before_saving):
        model = change("adam")
        rewritten(model, path, older)
        with pytest.warns(UserWarning, match="the state of adam.* is left out, and it starts anew") as met:
            loaded = load_model(path)
        assert len(met) == 1 and same(loaded.get_weights(), model.get_weights())
        assert int(loaded.optimizer.iterations) == 0 and not any(
            v.numpy().any() for v in loaded.optimizer.variables[2:]
        )
        fit(loaded)


@pytest.mark.parametrize(
    "described",
    [
        *(3, [], {}, {"weights": {}}, {"weights": [], "others": {}}, {"weights": {"optimizer": 3}, "others": {}}),
        {"weights": {"optimizer": ["weights/dense/kernel"] * 2}, "others": {}},
        {"weights": {"optimizer": ["weights/nowhere"]}, "others": {}},
        {"weights": {"optimizer": [[]]}, "others": {}},
        {"weights": {}, "others": {"optimizer_weights/0": "a"}},
        {"weights": {}, "others": {"optimizer/2": "a"}},
        {"weights": {}, "others": {"weights/dense/kernel": "a"}},
    ],
)
def test_descriptions_that_are_none(described, tmp_path):
    rewritten(trained("adam"), tmp_path / "m.keras", lambda config, _: config.update(optimizers=described))
    with pytest.raises(DataError, match="does not say for which weights its optimizers were built"):
        load_model(tmp_path / "m.keras")


class Boom(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyError


@pytest.mark.parametrize("again", ["frozen later", "frozen first", "frozen others"])
def test_backups(again, tmp_path):
    """A training that goes on has the optimizer of the one that stopped, or says why it cannot."""

    def start(first):
        model = trained("adam") if first else compiled(chain(), "adam")
        model.layers[0].trainable = False
        return model

    def go(model, *more):
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        model.fit(X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0, callbacks=[backup, *more])

    whole = start(True)
    whole.fit(X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    with pytest.raises(KeyError):
        go(start(True), Boom())
    if again == "frozen others":
        model = trained("adam", [0])
        model.layers[1].trainable = False
        with pytest.raises(DataError, match="whose optimizer knew other weights"):
            go(model)
        return
    model = start(again == "frozen later")
    go(model)
    assert same(model.get_weights(), whole.get_weights())
    assert same(model.optimizer.get_weights(), whole.optimizer.get_weights())


def test_checkpoints(tmp_path):
    model = frozen_before_saving("adam")
    path = tmp_path / "{epoch}.keras"
    model.fit(X, Y, batch_size=4, shuffle=False, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint(path)])
    loaded = load_model(tmp_path / "1.keras")
    loaded.run_eagerly = True
    goes_on(model, loaded)


def test_weights_that_fit_in_part(tmp_path):
    """The state of another model's optimizer is left out, and a warning says so."""
    trained("adam").save_weights(tmp_path / "x.weights.h5")
    other = compiled(keras.Sequential([L.Input((4,)), L.Dense(4), L.Dense(4), L.Dense(3)]), "adam")
    with pytest.warns(UserWarning) as met:
        other.load_weights(tmp_path / "x.weights.h5", skip_mismatch=True)
    assert "state of its optimizer is left out" in str(met[1].message) and len(met) == 2
    assert int(other.optimizer.iterations) == 0


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("optimizer", ["adamw", "scaled"])
@pytest.mark.parametrize("way", ["m.keras", "m.json", "copy", "pickle"])
def test_weights_that_are_spared_the_decay(way, optimizer, trained, tmp_path):
    """By pattern or by themselves, before or after training: what comes back goes on to the same bits."""
    model = keras.Sequential([L.Dense(4, activation="tanh"), L.Dense(4)])
    model.build((None, 4))
    adamw = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    model.compile(keras.optimizers.LossScaleOptimizer(adamw) if optimizer == "scaled" else adamw, "mse")
    adamw.exclude_from_weight_decay([model.layers[1].kernel], ["bias"])
    if trained:
        model.fit(X, Y, verbose=0)
    if way == "copy":
        again = copy.deepcopy(model)
    elif way == "pickle":
        again = pickle.loads(pickle.dumps(model))
    else:
        model.save(tmp_path / way)
        again = load_model(tmp_path / way)
    for each in (model, again):
        each.fit(X, Y, epochs=3, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(again.optimizer._trainable_variables) == 4

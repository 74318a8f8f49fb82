"""What holds for every optimizer, from one table."""

import json

import numpy as np
import pytest

import autonet
from autonet import optimizers
from autonet.common.versions import structure
from autonet.core import Tensor
from autonet.core.state import Observer, state
from autonet.variable import Variable

CASES = {
    "sgd": (optimizers.SGD, {}),
    "momentum": (optimizers.SGD, {"momentum": 0.9}),
    "nesterov": (optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    "rmsprop": (optimizers.RMSprop, {}),
    "rmsprop_all": (optimizers.RMSprop, {"momentum": 0.5, "centered": True}),
    "adam": (optimizers.Adam, {}),
    "amsgrad": (optimizers.Adam, {"amsgrad": True}),
    "adamw": (optimizers.AdamW, {}),
    "adagrad": (optimizers.Adagrad, {}),
    "adadelta": (optimizers.Adadelta, {}),
    "adamax": (optimizers.Adamax, {}),
    "nadam": (optimizers.Nadam, {}),
    "lion": (optimizers.Lion, {}),
    "adafactor": (optimizers.Adafactor, {}),
    "ftrl": (optimizers.Ftrl, {}),
    "ftrl_all": (
        optimizers.Ftrl,
        {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.01, "beta": 0.5},
    ),
    "lamb": (optimizers.Lamb, {}),
    "muon": (optimizers.Muon, {"adam_weight_decay": None}),
    "muon_plain": (optimizers.Muon, {"nesterov": False, "rms_rate": None, "adam_weight_decay": None}),
    "schedulefreeadamw": (optimizers.ScheduleFreeAdamW, {}),
    "lazyadam": (optimizers.LazyAdam, {}),
}
RATES = {"adadelta": 20.0, "adagrad": 1.0, "sgd": 0.1, "momentum": 0.05, "nesterov": 0.05}  # others: 0.1
RATES |= {"adafactor": 1.0, "ftrl": 2.0, "ftrl_all": 2.0}
every = pytest.mark.parametrize("case", CASES)


def make(case, **options):
    cls, own = CASES[case]
    return cls(**{**own, **options})


def weights(rng, dtype="float32"):
    return [Variable(rng.normal(size=s).astype(dtype), name=n) for s, n in (((4, 3), "kernel"), ((3,), "bias"))]


def gradients(rng, ws):
    return [rng.normal(size=w.shape).astype(w.dtype) for w in ws]


def values(optimizer, ws):
    return [v.numpy() for v in (*ws, *optimizer.variables)]


def assert_same(a, b, **tolerance):
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, **({"rtol": 0, "atol": 0} | tolerance))


def test_the_table_has_every_optimizer():
    exported = {v for v in vars(optimizers).values() if isinstance(v, type) and issubclass(v, optimizers.Optimizer)}
    wrappers = {optimizers.LossScaleOptimizer, optimizers.MultiOptimizer}
    others = wrappers | {optimizers.HessianFree, optimizers.LBFGS}  # have tests of their own
    assert exported - {optimizers.Optimizer} - others == {cls for cls, _ in CASES.values()}


@every
def test_finds_the_bottom_of_a_bowl(case, rng):
    target = rng.normal(size=(4, 3))
    w = Variable(np.zeros((4, 3), "float32"))
    optimizer = make(case, learning_rate=RATES.get(case, 0.1))
    loss = lambda: ((w - target.astype("float32")) ** 2).sum()
    first = optimizer.minimize(loss, [w]).item()
    for _ in range(150):
        optimizer.minimize(loss)
    assert loss().item() < 0.02 * first
    assert int(optimizer.iterations) == 151


@pytest.mark.parametrize("case", [c for c in CASES if not c.startswith("ftrl")])  # which follows gradients, not weights
def test_zero_gradients_move_nothing_at_the_start(case, rng):
    ws = weights(rng)
    before = [w.numpy() for w in ws]
    make(case, weight_decay=0.0).apply([np.zeros(w.shape, "float32") for w in ws], ws)
    assert_same([w.numpy() for w in ws], before)


@every
@pytest.mark.parametrize("common", [{}, {"use_ema": True, "ema_overwrite_frequency": 2, "clipnorm": 0.5}])
def test_accumulated_gradients_are_the_full_batch(case, common, rng):
    ws = weights(rng)
    ws_parts = [Variable(w.numpy(), name=w.name) for w in ws]
    whole = make(case, weight_decay=0.01, **common)
    parts = make(case, weight_decay=0.01, gradient_accumulation_steps=4, **common)
    for step in range(3):
        many = [gradients(rng, ws) for _ in range(4)]
        whole.apply([np.mean(g, axis=0) for g in zip(*many, strict=True)], ws)
        for i, g in enumerate(many):
            before = [w.numpy() for w in ws_parts]
            parts.apply(g, ws_parts)
            if i < 3 and not common:
                assert_same([w.numpy() for w in ws_parts], before)
        assert int(parts.iterations) == step + 1
        # Lion's steps are signs: a mean within rounding of zero might take either
        assert_same([w.numpy() for w in ws_parts], [w.numpy() for w in ws], rtol=1e-5, atol=1e-6)


@every
def test_float64_weights_keep_float64(case, rng):
    double, single = weights(rng, "float64"), None
    single = [Variable(w.numpy().astype("float32"), name=w.name) for w in double]
    precise, plain = make(case), make(case)
    for _ in range(3):
        g = gradients(rng, double)
        precise.apply(g, double)
        plain.apply([x.astype("float32") for x in g], single)
    assert {v.dtype.name for v in precise.variables if v.name.startswith(("kernel", "bias"))} <= {"float64"}
    assert all(w.dtype == "float64" for w in double)
    assert_same([w.numpy() for w in single], [w.numpy() for w in double], atol=2e-6)


@every
def test_configuration_there_and_back(case):
    optimizer = make(case, learning_rate=0.25, clipvalue=0.5, use_ema=True, weight_decay=0.01, name="mine")
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    again = optimizers.deserialize(config)
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
    assert config["module"] == "keras.optimizers" and config["class_name"] == type(optimizer).__name__


@every
def test_state_there_and_back(case, rng):
    ws = weights(rng)
    optimizer = make(case, use_ema=True, gradient_accumulation_steps=2)
    for _ in range(3):
        optimizer.apply(gradients(rng, ws), ws)
    copies = [Variable(w.numpy(), name=w.name) for w in ws]
    again = make(case, use_ema=True, gradient_accumulation_steps=2)
    again.build(copies)
    store = {}
    optimizer.save_own_variables(store)
    again.load_own_variables(store)
    for _ in range(3):
        g = gradients(rng, ws)
        optimizer.apply(g, ws)
        again.apply(g, copies)
        assert_same(values(optimizer, ws), values(again, copies))
    assert_same(optimizer.get_weights(), again.get_weights())


@every
def test_gradients_and_old_values_stay_as_they_are(case, rng):
    ws = weights(rng)
    g = gradients(rng, ws)
    originals = [x.copy() for x in g]
    held = [w.value for w in ws]
    held_values = [h.numpy() for h in held]
    make(case, weight_decay=0.1, clipnorm=0.1).apply([Tensor(g[0]), g[1]], ws)
    assert_same(g, originals)
    assert_same([h.numpy() for h in held], held_values)


class NoNumbers(Observer):
    """No value may leave the step as a number."""

    def __init__(self):
        self.assigned_to = []

    def touch(self, thing):
        self.touched = thing

    def assigned(self, variable, value):
        self.assigned_to.append(variable)

    def leaked(self, tensor, asked):
        raise AssertionError(f"a step asked for {asked}")


@every
@pytest.mark.parametrize(
    "common",
    [
        {"weight_decay": 0.1, "global_clipnorm": 1.0, "use_ema": True, "ema_overwrite_frequency": 2},
        {"gradient_accumulation_steps": 2, "clipnorm": 1.0, "loss_scale_factor": 2.0},
        {"learning_rate": optimizers.schedules.CosineDecay(0.1, 10), "clipvalue": 1.0},
    ],
)
def test_a_step_can_be_captured(case, common, rng, monkeypatch):
    ws = weights(rng)
    ws[0].constraint = lambda w: w * (w > 0)
    optimizer = make(case, **common)
    optimizer.build(ws)
    observer = NoNumbers()
    monkeypatch.setattr(state, "observer", observer)
    version = structure.version
    optimizer.apply([Tensor(g) for g in gradients(rng, ws)])
    monkeypatch.setattr(state, "observer", None)
    assert observer.touched is optimizer and structure.version == version
    still = [v for v in optimizer.variables if not any(v is a for a in observer.assigned_to)]
    assert [v.name for v in still] == ([] if "learning_rate" in common else ["learning_rate"])


@every
def test_nothing_is_recorded(case, rng):
    ws = weights(rng)
    optimizer = make(case, use_ema=True)
    scale = Tensor(2.0, requires_grad=True)
    optimizer.apply([scale * g for g in gradients(rng, ws)], ws)
    assert all(not v.requires_grad for v in optimizer.variables)
    assert all(w._node.grad is None and not w._node.parents for w in ws)


@every
def test_names(case):
    cls, _ = CASES[case]
    for name in (cls.__name__, cls.__name__.lower()):
        assert type(optimizers.get(name)) is cls
    assert type(autonet.optimizers.get(cls)) is cls
    assert cls.__doc__ and "Source: " in cls.__doc__


@pytest.mark.parametrize("common", [{}, {"clipnorm": 50.0}, {"global_clipnorm": 50.0}], ids=str)
@pytest.mark.parametrize("name", ["Adafactor", "Adam", "Lamb", "Lion", "Muon", "SGD"])
def test_steps_of_large_half_weights_are_those_of_float32(name, common):
    """Sums of squares beyond float16's 65504: lengths of weights, gradients and steps."""
    moved = []
    for dtype in ("float16", "float32"):
        w = Variable(np.full((300, 200), 3.0), dtype=dtype)
        g = np.full(w.shape, 12.0)
        g[0] = -4.0
        getattr(optimizers, name)(0.5, **common).apply([Tensor(g, dtype)], [w])
        moved.append(np.asarray(w, np.float64) - 3.0)
    np.testing.assert_allclose(moved[0], moved[1], atol=8e-3)

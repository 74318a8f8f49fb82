"""Writes optimizers.npz: what Keras's optimizers and schedules do, for tests/optimizers to compare with.

KERAS_BACKEND=jax python tests/golden/record_optimizers.py
"""

import inspect
import json
from pathlib import Path

import keras
import numpy as np

STEPS = 7
RULES = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.8, "nesterov": True}],
    "RMSprop": [{}, {"momentum": 0.9}, {"centered": True}, {"momentum": 0.5, "centered": True, "rho": 0.8}],
    "Adam": [{}, {"amsgrad": True}, {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3}],
    "AdamW": [{}, {"weight_decay": 0.1}],
    "Adagrad": [{}, {"initial_accumulator_value": 0.5, "epsilon": 1e-2}],
    "Adadelta": [{}, {"learning_rate": 1.0, "rho": 0.9}],
    "Adamax": [{}],
    "Nadam": [{}],
    "Lion": [{}, {"beta_1": 0.8, "beta_2": 0.9}],
    "Adafactor": [
        {},
        {"learning_rate": 0.9},
        {"learning_rate": 0.5, "beta_2_decay": -0.5, "clip_threshold": 0.3, "epsilon_2": 0.5, "weight_decay": 0.1},
    ],
    "Ftrl": [
        {},
        {"learning_rate": 0.3, "learning_rate_power": -0.3, "initial_accumulator_value": 0.2, "beta": 0.5},
        {
            "learning_rate": 0.3,
            "l1_regularization_strength": 0.2,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.05,
        },
    ],
    "Lamb": [{}, {"learning_rate": 0.1, "beta_1": 0.7, "beta_2": 0.9, "weight_decay": 0.1}],
    "Muon": [
        {},
        {"learning_rate": 0.1, "weight_decay": 0.2, "adam_weight_decay": 0.1, "adam_lr_ratio": 0.5},
        {"learning_rate": 0.1, "nesterov": False, "rms_rate": None, "ns_steps": 3, "weight_decay": None},
        {"learning_rate": 0.1, "exclude_layers": ["ker"]},
    ],
    "ScheduleFreeAdamW": [{}, {"learning_rate": 0.1, "warmup_steps": 3, "weight_decay": 0.1, "beta_1": 0.8}],
}
HALVING = {
    "class_name": "ExponentialDecay",
    "config": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
}
COMMON = [
    {"learning_rate": 0.3},
    {"weight_decay": 0.05, "learning_rate": 0.1},
    {"clipnorm": 0.7, "learning_rate": 0.1},
    {"clipvalue": 0.4, "learning_rate": 0.1},
    {"global_clipnorm": 0.9, "learning_rate": 0.1},
    {"use_ema": True, "ema_momentum": 0.6, "learning_rate": 0.1},
    {"use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 3, "learning_rate": 0.1},
    {"loss_scale_factor": 8.0, "learning_rate": 0.1},
    {"gradient_accumulation_steps": 3, "clipnorm": 0.7, "weight_decay": 0.05, "learning_rate": 0.1},
    {
        "gradient_accumulation_steps": 2,
        "use_ema": True,
        "ema_momentum": 0.6,
        "ema_overwrite_frequency": 2,
        "learning_rate": 0.1,
    },
    {"gradient_accumulation_steps": 2, "learning_rate": HALVING},
]
SCHEDULES = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [3, 8, 20], "values": [1.0, 0.5, 0.25, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 9}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "power": 2.0, "end_learning_rate": 0.01}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "cycle": True, "power": 0.5}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 11}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 11, "alpha": 0.2}),
    ("CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 11, "warmup_target": 0.1, "warmup_steps": 5}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 11, "warmup_steps": 5}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 4}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.0, "m_mul": 0.8}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.5, "alpha": 0.1}),
]


def signature(cls):
    """Parameter names and defaults, in order."""
    parameters = [p for p in inspect.signature(cls).parameters.values() if p.kind != p.VAR_KEYWORD]
    return [[p.name, None if p.default is p.empty else p.default] for p in parameters]


def main():
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 2)).astype("float32")
    bias = rng.normal(size=2).astype("float32")
    kernel_gradients = rng.normal(size=(STEPS, 3, 2)).astype("float32")
    bias_gradients = rng.normal(size=(STEPS, 2)).astype("float32")
    kernel_gradients[2, 0, 0] = bias_gradients[3] = 0.0
    arrays = {"kernel": kernel, "bias": bias, "kernel_gradients": kernel_gradients, "bias_gradients": bias_gradients}
    cases = [(name, options) for name, all_options in RULES.items() for options in all_options]
    cases += [(name, options) for options in COMMON for name in ("SGD", "Adam", "Nadam")]
    for i, (name, options) in enumerate(cases):
        cls = getattr(keras.optimizers, name)
        if isinstance(options.get("learning_rate"), dict):
            schedule = keras.optimizers.schedules.deserialize(options["learning_rate"])
            optimizer = cls(**{**options, "learning_rate": schedule})
        else:
            optimizer = cls(**options)
        weights = [keras.Variable(kernel, name="kernel"), keras.Variable(bias, name="bias")]
        optimizer.build(weights)
        path = []
        for g in zip(kernel_gradients, bias_gradients, strict=True):
            optimizer.apply([keras.ops.convert_to_tensor(x) for x in g])
            path.append(np.concatenate([w.numpy().ravel() for w in weights]))
        optimizer.finalize_variable_values(weights)
        path.append(np.concatenate([w.numpy().ravel() for w in weights]))
        arrays[f"path_{i}"] = np.array(path)
        known = [v for v in optimizer.variables if v.path != "bias"]  # Adafactor lists what is no variable of its own
        arrays[f"state_{i}"] = np.concatenate([v.numpy().ravel() for v in known]).astype("float64")
    for i, (name, config) in enumerate(SCHEDULES):
        schedule = getattr(keras.optimizers.schedules, name)(**config)
        arrays[f"rates_{i}"] = np.array([schedule(s) for s in range(40)], "float32")
    public = {name: getattr(keras.optimizers, name) for name in RULES}
    facts = {
        "keras": keras.__version__,
        "cases": cases,
        "schedules": SCHEDULES,
        "signatures": {name: signature(cls) for name, cls in public.items()},
        "configs": {name: cls(name="a").get_config() for name, cls in public.items()},
        "schedule_signatures": {name: signature(getattr(keras.optimizers.schedules, name)) for name, _ in SCHEDULES},
        "schedule_configs": [getattr(keras.optimizers.schedules, n)(**c).get_config() for n, c in SCHEDULES],
    }
    arrays["facts"] = np.array(json.dumps(facts))
    np.savez_compressed(Path(__file__).parent / "optimizers.npz", **arrays)
    print(len(cases), "cases,", len(SCHEDULES), "schedules, Keras", keras.__version__)


if __name__ == "__main__":
    main()

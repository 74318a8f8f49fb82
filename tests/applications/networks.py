"""Small forms of the networks, with weights by a formula: what the test builds here, and the recorder with Keras."""

import numpy as np

CASES = {
    "VGG16": dict(include_top=False, pooling="avg"),
    "ResNet50": dict(include_top=False, pooling="max"),
    "MobileNetV2": dict(alpha=0.35, classes=7),
    "EfficientNetB0": dict(classes=5, classifier_activation=None),
}
SIDES = {"VGG16": 32, "ResNet50": 40, "MobileNetV2": 32, "EfficientNetB0": 33}


def made(keras, name):
    """A network whose every weight is a wave of its own, variances above 0."""
    side = SIDES[name]
    model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), **CASES[name])
    values = []
    for n, w in enumerate(model.weights):
        fan = max(1.0, np.prod(w.shape[:-1])) if len(w.shape) > 1 else 1.0
        wave = np.cos(np.arange(np.prod(w.shape, dtype=int)) * (0.7 + 0.01 * n)).reshape(w.shape)
        path = w.path
        if path.endswith(("variance", "gamma")):
            wave = 1.0 + 0.3 * wave
        elif len(w.shape) == 1:
            wave = 0.1 * wave
        values.append((wave * (2.0 / fan) ** 0.5 if len(w.shape) > 1 else wave).astype(str(w.dtype)))
    model.set_weights(values)
    return model


def pictures(name):
    side = SIDES[name]
    scale = 255.0 if name == "EfficientNetB0" else 1.0
    return scale * (0.5 + 0.5 * np.sin(np.arange(2 * side * side * 3) * 0.37)).reshape(2, side, side, 3).astype(
        "float32"
    )


def table(model):
    """Name, class and shapes of weights of each layer, in order; the placeholder's name depends on others before it."""
    return [
        [layer.name if layer.weights or type(layer).__name__ not in UNNAMED else "", type(layer).__name__]
        + [list(w.shape) for w in layer.weights]
        for layer in model.layers
    ]


UNNAMED = {"InputLayer", "Rescaling", "GlobalAveragePooling2D", "GlobalMaxPooling2D"}

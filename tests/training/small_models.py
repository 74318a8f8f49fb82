"""Small models of layers, losses, masks, sample weights and class weights, trained alike with Keras and with autonet.

`tests/golden/record_small_models.py` runs them with Keras, test_small_models.py with autonet.
"""

import numpy as np


def cases(K):
    """Each case: layers, x, y, loss, metrics, weighted metrics, further arguments of `fit`."""
    L = K.layers
    n, t = 12, 5

    def num(*s, pace=0.7, start=0.0):
        m = int(np.prod(s))
        return np.sin(start + pace * np.arange(m) ** 1.3).reshape(s).astype("float32")

    lens = np.array([3, 5, 1, 2, 4, 5, 1, 3, 2, 5, 4, 1])
    X = num(n, 6)
    S = num(n, t, 4, start=1.0) * (np.arange(t) < lens[:, None])[..., None].astype("float32")
    T = (np.abs(num(n, t, start=2.0)) * 7 + 1).astype("int32") * (np.arange(t) < lens[:, None])
    yc = np.arange(n) % 3
    oh = np.eye(3, dtype="float32")[yc]
    yb = (np.arange(n) % 2).astype("float32")
    y1 = num(n, 1, start=3.0)
    ys = (np.abs(num(n, t, start=5.0)) * 3).astype("int32").clip(0, 2)
    ysoh = np.eye(3, dtype="float32")[ys]
    yreg = num(n, t, 2, start=4.0)
    ysb = (num(n, t, 1, start=6.0) > 0).astype("float32")
    w = np.abs(num(n, start=7.0))
    wt = np.abs(num(n, t, start=8.0))
    cw = {0: 1.0, 1: 3.0, 2: 0.5}
    I = num(n, 6, 6, 2, start=9.0)
    C = {}

    def case(name, layers, x, y, loss, metrics=(), wm=(), **fit):
        C[name] = (layers, x, y, loss, list(metrics), list(wm), fit)

    seq = lambda *ls: lambda: [L.Masking(), *[l() for l in ls]]
    sm = lambda: L.Dense(3, activation="softmax")
    lstm = lambda: L.LSTM(4, return_sequences=True)
    acc = ["accuracy"]
    for wn, fit in {
        "": {},
        " w": {"sample_weight": w},
        " wt": {"sample_weight": wt},
        " wcol": {"sample_weight": w[:, None]},
    }.items():
        case(
            "seq scc" + wn,
            seq(lstm, sm),
            S,
            ys,
            "sparse_categorical_crossentropy",
            acc + ["sparse_top_k_categorical_accuracy"],
            acc,
            **fit,
        )
        case("seq cc" + wn, seq(lstm, sm), S, ysoh, "categorical_crossentropy", acc, acc, **fit)
        case(
            "seq mse" + wn,
            seq(lstm, lambda: L.Dense(2)),
            S,
            yreg,
            "mse",
            ["mae", "mse"],
            ["mae", "cosine_similarity"],
            **fit,
        )
        case(
            "seq bce" + wn,
            seq(lstm, lambda: L.Dense(1, activation="sigmoid")),
            S,
            ysb,
            "binary_crossentropy",
            acc + ["binary_accuracy"],
            acc,
            **fit,
        )
        case("nomask scc" + wn, lambda: [lstm(), sm()], S, ys, "sparse_categorical_crossentropy", acc, acc, **fit)
        case("nomask mse" + wn, lambda: [lstm(), L.Dense(2)], S, yreg, "mae", ["mse"], ["mse"], **fit)
    case("seq scc cw", seq(lstm, sm), S, ys, "sparse_categorical_crossentropy", acc, acc, class_weight=cw)
    case("seq cc cw", seq(lstm, sm), S, ysoh, "categorical_crossentropy", acc, acc, class_weight=cw)
    case("nomask scc cw", lambda: [lstm(), sm()], S, ys, "sparse_categorical_crossentropy", acc, acc, class_weight=cw)
    for wn, fit in {
        "": {},
        " w": {"sample_weight": w},
        " cw": {"class_weight": cw},
        " cw w": {"class_weight": cw, "sample_weight": w},
        " wcol": {"sample_weight": w[:, None]},
    }.items():
        case(
            "mlp scc" + wn,
            lambda: [L.Dense(5, activation="tanh"), sm()],
            X,
            yc,
            "sparse_categorical_crossentropy",
            acc,
            acc,
            **fit,
        )
        case(
            "mlp cc" + wn,
            lambda: [L.Dense(5, activation="relu"), sm()],
            X,
            oh,
            "categorical_crossentropy",
            acc,
            acc + ["mse"],
            **fit,
        )
    for wn, fit in {
        "": {},
        " w": {"sample_weight": w},
        " wcol": {"sample_weight": w[:, None]},
        " cw": {"class_weight": {0: 1.0, 1: 4.0}},
    }.items():
        case(
            "mlp bce" + wn,
            lambda: [L.Dense(5, activation="tanh"), L.Dense(1, activation="sigmoid")],
            X,
            yb,
            "binary_crossentropy",
            acc,
            acc + ["mse"],
            **fit,
        )
        case(
            "mlp bce col" + wn,
            lambda: [L.Dense(5, activation="tanh"), L.Dense(1, activation="sigmoid")],
            X,
            yb[:, None],
            "binary_focal_crossentropy",
            acc,
            acc,
            **fit,
        )
    for wn, fit in {"": {}, " w": {"sample_weight": w}}.items():
        for ls in ["mse", "mae", "huber", "log_cosh", "cosine_similarity"]:
            case(
                f"mlp {ls}" + wn,
                lambda: [L.Dense(4, activation="gelu"), L.Dense(1)],
                X,
                y1,
                ls,
                ["mae"],
                ["mse"],
                **fit,
            )
    case(
        "emb gap",
        lambda: [L.Embedding(9, 4, mask_zero=True), L.GlobalAveragePooling1D(), sm()],
        T,
        yc,
        "sparse_categorical_crossentropy",
        acc,
        acc,
        sample_weight=w,
    )
    case(
        "emb bi",
        lambda: [L.Embedding(9, 4, mask_zero=True), L.Bidirectional(L.GRU(3)), sm()],
        T,
        yc,
        "sparse_categorical_crossentropy",
        acc,
        acc,
        class_weight=cw,
    )
    case(
        "emb td",
        lambda: [L.Embedding(9, 4, mask_zero=True), L.TimeDistributed(L.Dense(3, activation="softmax"))],
        T,
        ys,
        "sparse_categorical_crossentropy",
        acc,
        acc,
        sample_weight=wt,
    )
    case(
        "mask bn",
        lambda: [
            L.Masking(),
            L.BatchNormalization(),
            L.SimpleRNN(3, return_sequences=True),
            L.LayerNormalization(),
            sm(),
        ],
        S,
        ys,
        "sparse_categorical_crossentropy",
        acc,
        acc,
    )
    case(
        "mask flat",
        lambda: [L.Masking(), L.GRU(3, return_sequences=True), L.Flatten(), sm()],
        S,
        yc,
        "sparse_categorical_crossentropy",
        acc,
        acc,
    )
    case(
        "mask conv",
        lambda: [L.Masking(), L.Conv1D(3, 2), L.GlobalMaxPooling1D(), sm()],
        S,
        yc,
        "sparse_categorical_crossentropy",
        acc,
        acc,
    )
    case(
        "conv",
        lambda: [L.Conv2D(3, 3), L.BatchNormalization(), L.ReLU(), L.AveragePooling2D(2), L.Flatten(), sm()],
        I,
        yc,
        "sparse_categorical_crossentropy",
        acc,
        acc,
        class_weight=cw,
    )
    case("seq hinge", seq(lstm, lambda: L.Dense(1)), S, ysb, "hinge", ["hinge"], ["hinge"])
    case(
        "seq kld",
        seq(lstm, sm),
        S,
        ysoh,
        "kl_divergence",
        ["kl_divergence"],
        ["categorical_accuracy"],
        sample_weight=wt,
    )
    case(
        "seq auc",
        seq(lstm, lambda: L.Dense(1, activation="sigmoid")),
        S,
        ysb,
        "binary_crossentropy",
        ["AUC"],
        ["Precision", "Recall"],
        sample_weight=wt,
    )
    case(
        "seq auc0",
        seq(lstm, lambda: L.Dense(1, activation="sigmoid")),
        S,
        ysb,
        "binary_crossentropy",
        ["Precision", "Recall"],
        ["AUC"],
    )
    case(
        "seq f1",
        seq(lstm, sm),
        S,
        ysoh,
        "categorical_crossentropy",
        ["MeanSquaredError", "RootMeanSquaredError"],
        ["TopKCategoricalAccuracy"],
    )
    case(
        "seq iou",
        seq(lstm, lambda: L.Dense(1, activation="sigmoid")),
        S,
        ysb,
        "binary_crossentropy",
        ["BinaryIoU"],
        ["BinaryIoU"],
    )
    case(
        "reg",
        lambda: [L.Dense(5, kernel_regularizer="l2", activity_regularizer="l1"), sm()],
        X,
        yc,
        "sparse_categorical_crossentropy",
        acc,
        acc,
        sample_weight=w,
    )

    return C


def run(K, case):
    """Losses of three steps, what evaluation gives, and the weights' sums."""
    layers, x, y, loss, metrics, wm, fit = case
    model = K.Sequential([K.Input(x.shape[1:], dtype=x.dtype.name), *layers()])
    for i, v in enumerate(model.trainable_variables):
        n = int(np.prod(v.shape))
        v.assign(0.5 * np.sin(i + 1.1 * np.arange(n) ** 1.3).reshape(v.shape).astype("float32"))
    model.compile(K.optimizers.SGD(0.1), loss, metrics=metrics, weighted_metrics=wm)
    history = model.fit(x, y, batch_size=4, epochs=1, shuffle=False, verbose=0, **fit).history
    told = model.evaluate(x, y, sample_weight=fit.get("sample_weight"), batch_size=5, verbose=0, return_dict=True)
    # metrics of fit are left out: of masked steps, Keras on JAX counts them there, and not in evaluate
    found = {"loss": [float(v) for v in history["loss"]], **{f"evaluate {k}": float(v) for k, v in told.items()}}
    return {**found, "weights": [float(np.abs(v).sum()) for v in model.get_weights()]}

"""Tables of a chapter on how networks learn, on real MNIST, beside the figures in the literature.

    AUTONET_HOME=folder-with-datasets python benchmarks/chapter.py [--tables 2 3 5] [--seeds 3] [--epochs N] [--images N]

The tables have the numbers of the notebooks that show the same in pictures:

2. The learning slowdown: sigmoid networks under the quadratic cost, the cross-entropy, and softmax with the log-likelihood.
3. Over-fitting: the same networks on few images and on many, with and without L2 on the weights.
5. Expanding the data: a perceptron and a convolutional network, with shifts and rotations, with elastic distortion.

2 and 3 are those of M. Nielsen, "Neural Networks and Deep Learning", chapters 1 and 3: batches of 10, plain gradient descent,
weights and biases from N(0, 1), the costs summed over outputs and the rates as they stand there, L2 as lambda / 2n. 5 is that of
P. Simard, D. Steinkraus and J. Platt (2003), with relu, Adam and a few epochs in place of hundreds.

Printed are the best epoch's per cent of the 10,000 test images, as the book gives them, and for table 5 the last epoch's: mean,
lowest and highest over the seeds. `--epochs` and `--images` (of training) replace those of every row.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from harness import machine

from autonet import Sequential, datasets, initializers, layers, losses, optimizers, regularizers, utils

COSTS: dict[str, tuple[str, Any, float]] = {  # name: outputs, loss, rate
    "quadratic": ("sigmoid", losses.Scaled("mse", 1 / 2, outputs="sum"), 3.0),
    "cross-entropy": ("sigmoid", losses.Scaled("binary_crossentropy", outputs="sum"), 0.5),
    "log-likelihood": ("softmax", "categorical_crossentropy", 0.5),
}
CHANGES = ("nothing", "shifts and rotations", "elastic distortion")


@dataclass
class Sigmoid:
    """784-hidden-10 as in the book; its accuracy is that of the best epoch."""

    table: int
    published: float | None
    cost: str = "cross-entropy"
    hidden: int = 30
    images: int = 50_000
    epochs: int = 30
    penalty: float = 0.0  # lambda

    def __str__(self) -> str:
        penalty = f", lambda {self.penalty:g}" if self.penalty else ""
        return f"784-{self.hidden}-10, {self.cost}{penalty}, {self.images:,} images"

    def network(self, images: int) -> Sequential:
        """The network, compiled, for a number of images."""
        outputs, loss, rate = COSTS[self.cost]
        model = Sequential([layers.Input((28, 28, 1)), layers.Flatten()])
        for units, activation in ((self.hidden, "sigmoid"), (10, outputs)):
            model.add(
                layers.Dense(
                    units,
                    activation=activation,
                    kernel_initializer=initializers.RandomNormal(stddev=1.0),
                    bias_initializer=initializers.RandomNormal(stddev=1.0),
                    kernel_regularizer=regularizers.L2(self.penalty / (2 * images)) if self.penalty else None,
                )
            )
        model.compile(optimizers.SGD(rate), loss, metrics=["categorical_accuracy"])
        return model

    def train(self, data: Any, seed: int, epochs: int | None, images: int | None) -> float:
        """Per cent of the test images that are right in the best epoch."""
        (x, y), test = data
        n = min(images or self.images, len(x))
        utils.set_random_seed(seed)
        history = self.network(n).fit(
            x[:n],
            y[:n],
            batch_size=10,
            epochs=epochs or self.epochs,
            validation_data=test,
            validation_batch_size=1000,
            verbose=0,
        )
        return 100 * max(history.history["val_categorical_accuracy"])


@dataclass
class Expanded:
    """A network that sees each image changed anew in each epoch; its accuracy is that of the last epoch."""

    table: int
    published: float | None
    kind: str
    change: str
    epochs: int

    def __str__(self) -> str:
        return f"{self.kind}, {self.change}"

    def network(self, steps: int) -> Sequential:
        """The network, compiled, for a number of steps, along which its rate falls."""
        model = Sequential([layers.Input((28, 28, 1))])
        if self.change == "shifts and rotations":
            model.add(layers.RandomTranslation(0.07, 0.07, fill_mode="constant"))
            model.add(layers.RandomRotation(0.03, fill_mode="constant"))
        elif self.change == "elastic distortion":
            distortion = {"alpha": 34.0, "sigma": 4.0, "fill_mode": "constant", "value_range": (0, 1)}
            model.add(layers.RandomElasticTransform((1, 1), **distortion))  # type: ignore[arg-type]
        if self.kind == "convnet":
            for filters in (16, 32):
                model.add(layers.Conv2D(filters, 5, activation="relu"))
                model.add(layers.MaxPooling2D(2))
        model.add(layers.Flatten())
        model.add(layers.Dense(128 if self.kind == "convnet" else 800, activation="relu"))
        model.add(layers.Dense(10, activation="softmax"))
        rate = optimizers.schedules.CosineDecay(0.002, steps)
        model.compile(optimizers.Adam(rate), "categorical_crossentropy", metrics=["categorical_accuracy"])
        return model

    def train(self, data: Any, seed: int, epochs: int | None, images: int | None) -> float:
        """Per cent of the test images that are right at the end."""
        (x, y), test = data
        n, epochs = min(images or len(x), len(x)), epochs or self.epochs
        utils.set_random_seed(seed)
        model = self.network(epochs * -(-n // 64))
        model.fit(x[:n], y[:n], batch_size=64, epochs=epochs, verbose=0)
        return 100 * model.evaluate(*test, batch_size=500, verbose=0, return_dict=True)["categorical_accuracy"]


ROWS: list[Sigmoid | Expanded] = [
    Sigmoid(2, 95.42, "quadratic"),
    Sigmoid(2, 95.49, "cross-entropy"),
    Sigmoid(2, None, "log-likelihood"),
    Sigmoid(2, 96.59, "quadratic", hidden=100),
    Sigmoid(2, 96.82, "cross-entropy", hidden=100),
    Sigmoid(2, None, "log-likelihood", hidden=100),
    Sigmoid(3, 82.27, images=1_000, epochs=400),
    Sigmoid(3, 87.1, images=1_000, epochs=400, penalty=0.1),
    Sigmoid(3, 95.49),
    Sigmoid(3, 96.49, penalty=5.0),
    Sigmoid(3, 97.92, hidden=100, penalty=5.0),
    *(Expanded(5, p, "MLP-800", change, 8) for p, change in zip((98.4, 98.9, 99.3), CHANGES, strict=True)),
    *(Expanded(5, p, "convnet", change, 7) for p, change in zip((None, 99.4, 99.6), CHANGES, strict=True)),
]


def load() -> Any:
    """((x, y), (x_test, y_test)) of MNIST: images (n, 28, 28, 1) from 0 to 1, labels one-hot."""
    return tuple(
        (x[..., None].astype("float32") / 255, utils.to_categorical(y, 10).astype("float32"))
        for x, y in datasets.mnist.load_data()
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, nargs="+", choices=(2, 3, 5), default=(2, 3, 5))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--images", type=int)
    options = parser.parse_args(arguments)
    data = load()
    print(machine())
    for table in options.tables:
        print(f"\n| table {table} | literature | mean of {options.seeds} | lowest | highest | seconds each |")
        print("|---|---|---|---|---|---|")
        for row in ROWS:
            if row.table == table:
                began = time.perf_counter()
                seeds = range(1, options.seeds + 1)
                found = [row.train(data, seed, options.epochs, options.images) for seed in seeds]
                seconds = (time.perf_counter() - began) / options.seeds
                figures = f"{np.mean(found):.2f} | {min(found):.2f} | {max(found):.2f} | {seconds:.0f}"
                print(f"| {row} | {row.published or ''} | {figures} |", flush=True)


if __name__ == "__main__":
    main()

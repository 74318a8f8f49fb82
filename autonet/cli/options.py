"""What can be asked for on the command line, with defaults and limits."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from autonet import __version__

BUNDLED = ("digits", "mnist", "fashion_mnist")
PROG = "python -m autonet"
EXAMPLES = f"""examples:
  {PROG}
  {PROG} mnist --layers 512,512 --epochs 10 --batch-size 128
  {PROG} students.csv --target admit --layers 16 --output students --save students.keras

other commands:
  {PROG} predict students.keras new.csv > out.csv    what a saved model says of new rows
  {PROG} run script.py                               a Keras script, unchanged, on autonet
"""


class Parser(argparse.ArgumentParser):
    """A parser that answers a mistake with one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. --help lists the options.\n")


def number(kind: type, low: float, high: float, what: str, above: bool = False) -> Callable[[str], float]:
    """A reader of options: a number of this kind from `low` (or above it) to `high`."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not (low < value <= high if above else low <= value <= high):
            raise argparse.ArgumentTypeError(f"expected {what}, received {text!r}")
        return value

    return read


def widths(text: str) -> tuple[int, ...]:
    """Sizes of the hidden layers: "128,64", or "none"."""
    if text.strip() in ("", "none"):
        return ()
    size = number(int, 1, 100_000, "sizes such as 128,64, or none")
    return tuple(int(size(part)) for part in text.split(","))


def parser() -> Parser:
    """All options, with their defaults."""
    p = Parser(
        prog=PROG,
        description="Train a network (dense layers, batch normalisation, dropout) to tell classes, or to predict numbers, and\n"
        "say how well it does on examples that it has not seen.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    share = number(float, 0.0, 0.9, "a share above 0, at most 0.9", above=True)
    p.add_argument("--version", action="version", version=f"autonet {__version__}")
    p.add_argument(
        "data",
        nargs="?",
        default="digits",
        metavar="DATA",
        help=f"{', '.join(BUNDLED)}, or a file of your own: .npz (x and y, or x_train, y_train, x_test, y_test) "
        "or .csv (default: digits)",
    )
    data = p.add_argument_group("data")
    data.add_argument(
        "--target", metavar="COLUMN", help="the label in a .csv: a name, or a number from 1 (default: last)"
    )
    data.add_argument(
        "--task",
        choices=("classification", "regression"),
        help="whether the label is a class or a number (default: what it looks like)",
    )
    data.add_argument(
        "--drop", action="append", default=[], metavar="COLUMN", help="a column of a .csv to leave out; may be repeated"
    )
    data.add_argument(
        "--validation", type=share, default=0.15, metavar="SHARE", help="of the training rows (%(default)s)"
    )
    data.add_argument(
        "--test", type=share, default=0.2, metavar="SHARE", help="of a file without test rows (%(default)s)"
    )
    model = p.add_argument_group("model")
    model.add_argument(
        "--layers", type=widths, default=(128, 64), metavar="SIZES", help="hidden layers, or none (128,64)"
    )
    model.add_argument("--activation", default="relu", metavar="NAME", help="of the hidden layers (%(default)s)")
    model.add_argument(
        "--dropout",
        type=number(float, 0.0, 0.99, "a share from 0 to 0.99"),
        default=0.2,
        metavar="SHARE",
        help="of each hidden layer's outputs (%(default)s)",
    )
    model.add_argument(
        "--l2",
        type=number(float, 0.0, 1e3, "a number from 0 to 1000"),
        default=1e-4,
        metavar="FACTOR",
        help="penalty on squared weights (%(default)s)",
    )
    model.add_argument("--no-batch-normalization", action="store_true", help="leave batch normalisation out")
    training = p.add_argument_group("training")
    training.add_argument(
        "--epochs",
        type=number(int, 1, 10**6, "a whole number from 1"),
        default=60,
        metavar="N",
        help="at most (%(default)s)",
    )
    training.add_argument(
        "--batch-size",
        type=number(int, 1, 10**6, "a whole number from 1"),
        default=32,
        metavar="N",
        help="(%(default)s)",
    )
    training.add_argument(
        "--optimizer", default="adam", metavar="NAME", help="sgd, rmsprop, adam, adamw, ... (%(default)s)"
    )
    training.add_argument(
        "--learning-rate",
        type=number(float, 0.0, 1e3, "a number above 0, at most 1000", above=True),
        default=0.002,
        metavar="RATE",
        help="at the start (%(default)s)",
    )
    training.add_argument(
        "--decay",
        type=number(float, 0.0, 1e3, "a number from 0 to 1000"),
        default=0.1,
        metavar="D",
        help="the rate of epoch e, from 0, is RATE / (1 + D e) (%(default)s)",
    )
    training.add_argument(
        "--patience",
        type=number(int, 1, 10**6, "a whole number from 1"),
        default=12,
        metavar="N",
        help="epochs without a lower validation loss after which training stops (%(default)s)",
    )
    training.add_argument(
        "--seed",
        type=number(int, 0, 2**32 - 1, "a whole number from 0 to 2**32 - 1"),
        default=1,
        metavar="N",
        help="(1)",
    )
    p.add_argument("--output", default="autonet-run", metavar="FOLDER", help="for curves and numbers (%(default)s)")
    p.add_argument("--save", metavar="FILE.keras", help="keep the model of a .csv, for predict and load_model")
    p.add_argument("--quiet", action="store_true", help="no progress bar")
    return p

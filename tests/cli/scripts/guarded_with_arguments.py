#!/usr/bin/env python
"""Arguments, a main guard, an import within a function, and a module beside the script."""

import argparse
import sys

import helper
import numpy as np


def build(n):
    import keras

    model = keras.Sequential([keras.Input((n,)), keras.layers.Dense(1)])
    model.compile("sgd", keras.losses.MeanSquaredError())
    return model


def main(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("name", nargs="?", default="nobody")
    given = parser.parse_args(argv)
    history = build(3).fit(np.zeros((6, 3)), np.zeros(6), epochs=given.epochs, verbose=0)
    assert len(history.epoch) == given.epochs
    print(given.name, sys.argv[1:], helper.kind(), __file__.endswith("arguments.py"))
    sys.exit(0)


if __name__ == "__main__":
    main()

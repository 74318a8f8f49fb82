# ruff: noqa: E501  # a mistake is one line
"""Mistakes with data, and with what fit is told."""

from autonet.errors import ArgumentError, DataError, DtypeError, NonFiniteError, NotBuiltError, ShapeError
from tests.mistakes.world import Mistake

ENDLESS = """
class Endless(keras.utils.PyDataset):
    num_batches = None
    def __getitem__(self, i):
        return X, L
m.fit(Endless(), verbose=0)
"""
NAN = """
x = X.copy()
x[3, 1] = np.nan
with keras.config.debug_nans():
    m.fit(x, L, verbose=0)
"""
ONE_INPUT = ("one input", "received 2", "Targets are an argument of their own")
NO_TARGETS = ("output 'out'", "needs targets", "no y", "Pass y to fit or evaluate")
RANGE = ("sparse crossentropy", "between 0 and 2")

ROWS = [
    # inputs
    Mistake("wrong rank", "m.fit(X[:, :, None], L)", ShapeError, "Sequential 'm'", "(None, 4)", "(20, 4, 1)", "reshape"),
    Mistake("wrong last axis", "m.fit(X[:, :3], L)", ShapeError, "Sequential 'm'", "(None, 4)", "(20, 3)", "reshape the data"),
    Mistake("predict wrong last axis", "m.predict(X[:, :3])", ShapeError, "Sequential 'm'", "(None, 4)", "(20, 3)", "reshape"),
    Mistake("a row without batch", "m.predict(X[0])", ShapeError, "Sequential 'm'", "(None, 4)", "(4,)", "counts the samples"),
    Mistake("two inputs for one", "m.fit([X, X], L, verbose=0)", ArgumentError, "Sequential 'm'", *ONE_INPUT),
    Mistake("tuple for x and y", "m.fit((X, L))", ArgumentError, "Sequential 'm'", *ONE_INPUT),
    Mistake("one input for two", "two.fit(X, L)", ArgumentError, "Functional 'two'", "2 inputs", "received 1", "Pass a list in this order"),
    Mistake("misspelt input", "two.fit({'left': X, 'rihgt': X}, L)", ArgumentError, "'two'", "missing its input 'right'", "rihgt", "['left', 'right']"),
    Mistake("missing input", "two.fit({'left': X}, L)", ArgumentError, "'two'", "missing its input 'right'", "received ['left']", "['left', 'right']"),
    Mistake("inputs of two lengths", "two.fit([X, X[:10]], L)", DataError, "All arrays", "one number of samples", "x[1]: 10", "Cut them alike"),
    Mistake("None for x", "m.fit(None, L)", ArgumentError, "x is None", "no data", "None", "Pass arrays"),
    Mistake("predict None", "m.predict(None)", ArgumentError, "x is None", "no data", "None", "Pass arrays"),
    Mistake("a number for x", "m.predict(3.0)", DataError, "x needs", "an axis for the samples", "a single value", "into a list"),
    Mistake("empty arrays", "m.fit(X[:0], L[:0])", DataError, "arrays", "no data", "no rows", "Look at what selected them"),
    Mistake("texts for x", "m.fit(X.astype(str), L)", DtypeError, "'hidden'", "expects numbers", "texts", "astype('float32')"),
    Mistake("objects for x", "m.fit(np.array([[1, None, 2, 3]] * 20, object), L)", DataError, "x holds", "numbers", "object", "np.asarray(x"),
    Mistake("ragged lists", "m.fit([[1.0, 2.0], [3.0]], [0, 1])", DataError, "x cannot", "as an array", "[[1.0, 2.0], [3.0]]", "pad_sequences"),
    Mistake("complex numbers", "m.fit(X + 1j, L)", DataError, "x holds", "models do not take", "complex numbers", "Pass real and imaginary parts"),
    Mistake("dates", "m.fit(np.full((20, 4), '2020-01-01', 'datetime64[D]'), L)", DataError, "x holds", "numbers", "datetime64", "Convert it"),
    Mistake("a masked array", "m.fit(np.ma.masked_array(X, X > 1), L)", DataError, "x is", "masked", "masked array", "x.filled(0)"),
    Mistake("NaN in the data", NAN, NonFiniteError, "hidden_kernel", "would become NaN", "row 3 of the data), column 1", "np.nan_to_num(x)"),
    Mistake("words out of range", "words.fit(np.full((20, 2), 11), L, verbose=0)", ShapeError, "take", "from 0 to 9", "11 to 11", "input_dim"),
    # targets
    Mistake("one sample alone", "m.predict(X[0])", ShapeError, "Sequential", "shape (None, ", "received (", "x[None]"),
    Mistake("y too short", "m.fit(X, L[:19])", DataError, "All arrays", "one number of samples", "y: 19", "Cut them alike"),
    Mistake("y forgotten", "m.fit(X, verbose=0)", ArgumentError, *NO_TARGETS),
    Mistake("y too wide", "r.fit(X, np.zeros((20, 2)))", ShapeError, "mean_squared_error", "one shape", "(20, 2)", "reshape one of them"),
    Mistake("y without its axis", "r.fit(X, X[:, 0])", ShapeError, "mean_squared_error", "one shape", "(20,)", "last axis"),
    Mistake("one-hot for sparse", "m.fit(X, Y)", ShapeError, "sparse_categorical_crossentropy", "(20,)", "(20, 3)", "take their argmax"),
    Mistake("labels for one-hot", "c.fit(X, L)", ShapeError, "categorical_crossentropy", "one shape", "(20,)", "to_categorical"),
    Mistake("labels from 1", "m.fit(X, L + 1)", DataError, *RANGE, "1 to 3", "Count classes from 0"),
    Mistake("labels below 0", "m.fit(X, L - 1)", DataError, *RANGE, "-1 to 1", "Count classes from 0"),
    Mistake("labels in between", "m.fit(X, L + 0.5)", DataError, "sparse crossentropy", "which are whole", "some that are not", "use categorical_crossentropy"),
    Mistake("missing labels", "m.fit(X, np.where(L == 1, np.nan, L))", DataError, "sparse crossentropy", "class numbers", "NaN, a missing label", "np.isnan(y)"),
    Mistake("names for labels", "m.fit(X, np.array(['cat', 'dog'] * 10))", DataError, "output 'out'", "expects numbers", "texts", "np.unique"),
    Mistake("misspelt output", "outs.fit(X, {'a': L, 'bb': R})", ArgumentError, "output in y", "Unknown", "'bb'", "Did you mean 'b'"),
    Mistake("targets of one output", "outs.fit(X, [L])", ArgumentError, "y expects", "each of the 2 outputs", "received 1", "['a', 'b']"),
    # weights
    Mistake("weights too short", "m.fit(X, L, sample_weight=np.ones(19))", DataError, "All arrays", "one number", "sample_weight: 19", "Cut them alike"),
    Mistake("weights too wide", "m.fit(X, L, sample_weight=np.ones((20, 5)))", ShapeError, "sample_weight", "(20,)", "(20, 5)", "one number per sample"),
    Mistake("class weights in a list", "m.fit(X, L, class_weight=[1, 2, 3])", ArgumentError, "class_weight", "dictionary", "[1, 2, 3]", "{0: 1.0, 1: 5.0}"),
    Mistake("class weights by name", "m.fit(X, L, class_weight={'cat': 2})", ArgumentError, "class_weight", "class numbers", "'cat'", "{0: 1.0"),
    Mistake("class weights of numbers", "r.fit(X, X[:, :3], class_weight={0: 2.0})", ArgumentError, "class_weight", "class numbers", "shape (20, 3)", "sample_weight"),
    # streams
    Mistake("y beside a generator", "m.fit(iter([(X, L)]), L)", ArgumentError, "y cannot", "beside a generator", "y", "let it yield"),
    Mistake("an empty generator", "m.fit(iter([]), verbose=0)", DataError, "generator", "before the first batch", "empty", "Make a new generator"),
    Mistake("a generator that ends", "m.fit(iter([(X, L)]), steps_per_epoch=3, verbose=0)", UserWarning, "The data", "3 batches", "after 1", "Let it yield more", True),
    Mistake("a generator for one epoch", "m.fit(iter([(X, L)]), epochs=3, verbose=0)", UserWarning, "generator", "of 3", "epoch 1", "set steps_per_epoch", True),
    Mistake("batches of four parts", "m.fit(iter([(X, L, L, L)]), verbose=0)", DataError, "A batch", "(x, y)", "4 parts", "belong together"),
    Mistake("batches of x alone", "m.fit(iter([X]), verbose=0)", ArgumentError, *NO_TARGETS),
    Mistake("a second batch of other width", "m.fit(iter([(X, L), (X[:, :3], L)]), verbose=0)", ShapeError, "'m'", "(None, 4)", "(20, 3)", "reshape", True),
    Mistake("an endless data set", ENDLESS, ArgumentError, "PyDataset", "how many batches", "no end", "steps_per_epoch"),
    Mistake("split of a generator", "m.fit(iter([(X, L)]), validation_split=0.2)", ArgumentError, "validation_split", "arrays", "a generator", "pass validation_data"),
    # numbers
    Mistake("not compiled", "keras.Sequential([layers.Dense(1)], name='raw').fit(X, R)", NotBuiltError, "Sequential 'raw'", "loss and optimizer", "fit", "Call compile() first"),
    Mistake("not compiled to evaluate", "keras.Sequential([layers.Dense(1)], name='raw').evaluate(X, R)", NotBuiltError, "'raw'", "loss", "evaluate", "Call compile()"),
    Mistake("epochs below 0", "m.fit(X, L, epochs=-1)", ArgumentError, "fit", "epochs to be a whole number", "-1", "epochs=10"),
    Mistake("half an epoch", "m.fit(X, L, epochs=1.5)", ArgumentError, "fit", "epochs to be a whole number", "1.5", "epochs=10"),
    Mistake("batches of nothing", "m.fit(X, L, batch_size=0)", ArgumentError, "batch_size", "at least 1", "received 0", "Leave it out for 32"),
    Mistake("batch size below 0", "m.predict(X, batch_size=-8)", ArgumentError, "batch_size", "at least 1", "-8", "Leave it out"),
    Mistake("batch size with a point", "m.fit(X, L, batch_size=32.0)", ArgumentError, "batch_size", "whole number", "32.0", "Leave it out"),
    Mistake("no steps", "m.fit(X, L, steps_per_epoch=0)", ArgumentError, "number of steps", "at least 1", "received 0", "Leave it out for all"),
    Mistake("split above 1", "m.fit(X, L, validation_split=1.2)", ArgumentError, "validation_split", "between 0 and 1", "1.2", "0.2 for a fifth"),
    Mistake("split below 0", "m.fit(X, L, validation_split=-0.1)", ArgumentError, "validation_split", "between 0 and 1", "-0.1", "0.2 for a fifth"),
    Mistake("loud", "m.fit(X, L, verbose='loud')", ArgumentError, "verbose", "0 (silent)", "'loud'", '"auto"'),
    Mistake("validation of other width", "m.fit(X, L, validation_data=(X[:, :2], L), verbose=0)", ShapeError, "'m'", "(None, 4)", "(20, 2)", "reshape", True),
    Mistake("validation without targets", "m.fit(X, L, validation_data=X, verbose=0)", ArgumentError, *NO_TARGETS, True),
    Mistake("validation never", "m.fit(X, L, validation_data=(X, L), validation_freq=0)", ArgumentError, "validation_freq", "at least 1", "received 0", "epochs (from 1)"),
    Mistake("nothing to train", "m.trainable = False\nm.compile('adam', 'mse')\nm.fit(X, Y, verbose=0)", UserWarning, "Sequential 'm'", "trainable", "no trainable weights", "fit changes nothing"),
]  # fmt: skip

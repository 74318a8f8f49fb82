# ruff: noqa: E501  # a mistake is one line
"""Mistakes with layers, and with layers of one's own."""

from autonet.errors import ArgumentError, DtypeError, ShapeError, SignatureError, UnknownDtypeError
from tests.mistakes.world import Mistake

OWN = "class Mine(layers.Layer):\n    "
NO_SUPER = OWN + "def __init__(self):\n        self.units = 3\n    def call(self, x):\n        return x\nMine()(X)"
NO_SUPER_MODEL = """
class Mine(keras.Model):
    def __init__(self):
        self.dense = layers.Dense(3)
    def call(self, x):
        return self.dense(x)
mine = Mine()
mine.compile("adam", "mse")
mine.fit(X, Y, verbose=0)
"""
NO_RETURN = OWN + "def call(self, x):\n        x * 2\nkeras.Sequential([Mine(), layers.Dense(1, name='d')]).predict(X)"
WEIGHT_IN_CALL = """
class Mine(layers.Layer):
    def call(self, x):
        return x @ self.add_weight((4, 3))
mine = keras.Sequential([Mine(name="mine")])
mine.compile("adam", "mse")
mine.fit(X, Y, verbose=0)
"""
UNKNOWN_LENGTH = OWN + (
    "def build(self, shape):\n        self.w = self.add_weight((shape[0], 3))\n"
    "keras.Sequential([keras.Input((4,)), Mine(name='mine')])"
)
ZEROS = "np.zeros({}, 'float32')"
A, B, C = (ZEROS.format(shape) for shape in ("(2, 3)", "(4, 3)", "(2, 4)"))
SEQUENCE, OTHER = ZEROS.format("(2, 3, 4)"), ZEROS.format("(2, 5, 6)")

ROWS = [
    # names
    Mistake("misspelt activation", "layers.Dense(3, activation='rellu')", ArgumentError, "activation", "Unknown", "'rellu'", "Did you mean 'relu'"),
    Mistake("misspelt initializer", "layers.Dense(3, kernel_initializer='glorot')", ArgumentError, "initializer", "Unknown", "'glorot'", "glorot_normal"),
    Mistake("misspelt regularizer", "layers.Dense(3, kernel_regularizer='l3')", ArgumentError, "regularizer", "Unknown", "'l3'", "Did you mean 'l2'"),
    Mistake("misspelt constraint", "layers.Dense(3, kernel_constraint='non_negg')", ArgumentError, "constraint", "Unknown", "'non_negg'", "Did you mean 'non_neg'"),
    Mistake("misspelt argument", "layers.Dense(3, activaton='relu')", SignatureError, "Dense", "no argument", "'activaton'", "Did you mean 'activation'"),
    Mistake("misspelt argument of Conv2D", "layers.Conv2D(3, 3, stride=2)", SignatureError, "Conv2D", "no argument", "'stride'", "Did you mean 'strides'"),
    Mistake("misspelt padding", "layers.Conv2D(2, 3, padding='sme', name='c')", ArgumentError, "Conv2D 'c'", "padding", "'sme'", "'valid' or 'same'"),
    Mistake("misspelt dtype", "layers.Dense(3, dtype='flot32')", UnknownDtypeError, "autonet", "dtype", "'flot32'", "Choose one of"),
    Mistake("misspelt data_format", "layers.Conv2D(2, 3, data_format='channel_last')", ArgumentError, "data_format", "must be", "'channel_last'", "'channels_last'"),
    # numbers
    Mistake("units below 0", "layers.Dense(-3, name='d')", ArgumentError, "Dense 'd'", "units", "-3", "whole number above 0"),
    Mistake("activation for units", "layers.Dense('relu', name='d')", ArgumentError, "Dense 'd'", "units", "'relu'", "whole number above 0"),
    Mistake("half a unit", "layers.Dense(2.5, name='d')", ArgumentError, "Dense 'd'", "units", "2.5", "whole number above 0"),
    Mistake("drops too much", "layers.Dropout(1.5, name='d')", ArgumentError, "Dropout 'd'", "a rate", "1.5", "from 0 to 1"),
    Mistake("drops below 0", "layers.Dropout(-0.5, name='d')", ArgumentError, "Dropout 'd'", "a rate", "-0.5", "from 0 to 1"),
    Mistake("no filters", "layers.Conv2D(0, 3, name='c')", ArgumentError, "Conv2D 'c'", "filters", "received 0", "above 0"),
    Mistake("kernel of nothing", "layers.Conv2D(2, 0, name='c')", ArgumentError, "Conv2D 'c'", "kernel_size", "received 0", "one per axis"),
    Mistake("pool stands still", "layers.MaxPooling2D(2, strides=0, name='p')", ArgumentError, "MaxPooling2D 'p'", "strides", "received 0", "above 0"),
    Mistake("strides and dilation", "layers.Conv2D(2, 3, strides=2, dilation_rate=2, name='c')", ArgumentError, "'c'", "not both", "(2, 2)", "strides or a dilation_rate"),
    Mistake("unequal groups", f"layers.Conv2D(4, 3, groups=3, name='c')({ZEROS.format('(1, 8, 8, 3)')})", ArgumentError, "'c'", "3 equal groups", "4 filters", "a multiple of 3"),
    Mistake("no words", "layers.Embedding(0, 4, name='e')", ArgumentError, "Embedding 'e'", "input_dim", "received 0", "above 0"),
    Mistake("no heads", "layers.MultiHeadAttention(0, 4, name='h')", ArgumentError, "'h'", "num_heads", "received 0", "above 0"),
    # shapes
    Mistake("window too large", f"layers.Conv2D(2, 5, name='c')({ZEROS.format('(1, 3, 3, 1)')})", ShapeError, "Conv2D 'c'", "(5,)", "(3,)", "padding='same'"),
    Mistake("images without channels", f"layers.Conv2D(2, 3, name='c')({ZEROS.format('(5, 28, 28)')})", ShapeError, "Conv2D 'c'", "4 axes", "(5, 28, 28)", "Reshape"),
    Mistake("reshape that does not fit", f"layers.Reshape((3, 3), name='r')({ZEROS.format('(2, 8)')})", ShapeError, "Reshape 'r'", "8 elements", "(2, 8)", "whose product is 8"),
    Mistake("flatten of nothing", "layers.Flatten(name='f')(np.float32(3.0))", ShapeError, "Flatten 'f'", "at least 1 axes", "shape ()", "Add the missing axes"),
    Mistake("unlike parts", f"layers.Concatenate(name='c')([{A}, {B}])", ShapeError, "Concatenate 'c'", "agree on every axis but 1", "(4, 3)", "another axis"),
    Mistake("unlike summands", f"layers.Add(name='a')([{A}, {C}])", ShapeError, "Add 'a'", "combine", "[(2, 3), (2, 4)]", "Reshape some"),
    Mistake("a sum of one", f"layers.Add(name='a')({A})", ArgumentError, "Add 'a'", "a list of inputs", "(2, 3)", "Add()([a, b])"),
    Mistake("unlike vectors", f"layers.Dot(axes=1, name='d')([{A}, {C}])", ShapeError, "Dot 'd'", "of one length", "(2, 4)", "sums over axis 1"),
    Mistake("LSTM of rows", "layers.LSTM(4, name='l')(X)", ShapeError, "LSTM 'l'", "3 axes", "(20, 4)", "eshape"),
    Mistake("LSTM of a last state", "keras.Sequential([keras.Input((5, 3)), layers.LSTM(4), layers.LSTM(4, name='l')])", ShapeError, "LSTM 'l'", "3 axes", "(None, 4)", "return_sequences=True"),
    Mistake("unlike queries", f"layers.Attention(name='a')([{SEQUENCE}, {OTHER}])", ShapeError, "Attention 'a'", "one length", "(2, 5, 6)", "with Dense"),
    Mistake("attention to nothing", f"layers.Attention(name='a')({SEQUENCE})", ArgumentError, "Attention 'a'", "[query, value]", "Tensor", "expects a list"),
    Mistake("heads without a value", f"layers.MultiHeadAttention(2, 4, name='h')({SEQUENCE})", ArgumentError, "'h'", "a query and a value", "one input", "layer(x, x)"),
    Mistake("single numbers in time", "layers.TimeDistributed(layers.Dense(3), name='t')(X)", ShapeError, "'t'", "three axes", "(20, 4)", "x[..., None]"),
    Mistake("both ways through Dense", "layers.Bidirectional(layers.Dense(3))", ArgumentError, "Bidirectional", "a recurrent layer", "Dense", "LSTM, GRU"),
    Mistake("a layer of another shape", "m.layers[0](X[:, :2])", ShapeError, "Dense 'hidden'", "length 4", "(20, 2)", "build a second layer"),
    Mistake("a list of numbers", "layers.Dense(3, name='d')([1.0, 2.0])", DtypeError, "Dense 'd'", "arrays or Tensors", "[1.0, 2.0]", "np.array"),
    Mistake("None for an input", "layers.Dense(3, name='d')(None)", ArgumentError, "Dense 'd'", "an array", "None", "lacks a return"),
    Mistake("a list of None", "layers.Flatten(name='f')([None])", ArgumentError, "Flatten 'f'", "one input, an array", "a list of 1: None", "np.stack"),
    Mistake("no input", "layers.Dense(3, name='d')()", ArgumentError, "Dense 'd'", "an array", "no argument", "to be called on"),
    Mistake("text for an input", "layers.Dense(3, name='d')('abc')", DtypeError, "Dense 'd'", "arrays or Tensors", "'abc'", "np.array"),
    # layers of one's own
    Mistake("no call", OWN + "pass\nMine(name='mine')(X)", NotImplementedError, "Mine 'mine'", "call()", "has no", "Define call(self, inputs)"),
    Mistake("no super", NO_SUPER, AttributeError, "Mine", "super().__init__()", "did not call", "Call that first"),
    Mistake("no super in a model", NO_SUPER_MODEL, AttributeError, "Mine", "super().__init__()", "did not call", "Call that first"),
    Mistake("no return", NO_RETURN, ArgumentError, "Mine 'mine'", "call()", "returned nothing", "return its result"),
    Mistake("a weight in call", WEIGHT_IN_CALL, ArgumentError, "Mine 'mine'", "a weight", "in call()", "Make it in build"),
    Mistake("a weight as long as the batch", UNKNOWN_LENGTH, ShapeError, "Mine 'mine'", "every length must be known", "(None, 3)", "but for the batch axis"),
    Mistake("if on a placeholder", "if keras.Input((4,)) > 0: pass", DtypeError, "KerasTensor", "no values until", "(None, 4)", "Use operations of autonet.ops"),
    Mistake("NumPy on a placeholder", "np.asarray(keras.Input((4,)))", DtypeError, "KerasTensor", "no values until", "(None, 4)", "in place of NumPy"),
    Mistake("a function that is none", "layers.Lambda(3, name='l')", DtypeError, "Lambda 'l'", "a function", "received 3", "expects a function"),
    # weights
    Mistake("weights too few", "m.set_weights([np.zeros((4, 5))])", ArgumentError, "Sequential 'm'", "4 weights", "1 arrays", "get_weights()"),
    Mistake("weights turned", "m.layers[0].set_weights([np.zeros((5, 4)), np.zeros(5)])", ShapeError, "'hidden'", "(4, 5)", "(5, 4)", "in the order of get_weights()"),
    Mistake("an assignment of another shape", "m.layers[0].kernel.assign(np.zeros((2, 2)))", ShapeError, "hidden/kernel", "(4, 5)", "(2, 2)", "reshape the value"),
]  # fmt: skip

# ruff: noqa: E501  # a mistake is one line
"""Mistakes with models: composing, compiling, saving, callbacks; and with losses, metrics, optimizers, operations."""

from autonet.core.backward import NotRecorded
from autonet.errors import ArgumentError, DataError, DtypeError, NotBuiltError, ShapeError, SignatureError
from autonet.saving.container import ArchiveError
from tests.mistakes.world import Mistake

UNBUILT = "keras.Sequential([layers.Dense(3)], name='raw')"
NO_CALL = "class Mine(keras.Model):\n    pass\nmine = Mine(name='mine')\nmine.compile('adam', 'mse')\nmine.fit(X, R, verbose=0)"
SHARED = """
other = keras.Sequential([layers.Dense(2)], name="other")
other.compile(m.optimizer, "mse")
m.fit(X, L, verbose=0)
other.fit(X, X[:, :2], verbose=0)
"""
STACK = "keras.Sequential([keras.Input((4,)), {}], name='{}')"
OTHER_WIDTH = STACK.format("layers.Dense(7), layers.Dense(3)", "n") + (
    ".save_weights(path('n.weights.h5'))\nm.load_weights(path('n.weights.h5'))"
)
OTHER_LAYERS = STACK.format("layers.Dense(3)", "n") + (
    ".save_weights(path('n.weights.h5'))\nm.load_weights(path('n.weights.h5'))"
)
LAMBDA = STACK.format("layers.Lambda(lambda x: x * 2)", "n") + (
    ".save(path('l.keras'))\nkeras.models.load_model(path('l.keras'))"
)
UNKNOWN_CLASS = "class Mine(layers.Layer):\n    def call(self, x):\n        return x\n" + (
    STACK.format("Mine()", "n") + ".save(path('c.keras'))\nkeras.models.load_model(path('c.keras'))"
)
UNSAVABLE = """
class Mine(layers.Layer):
    def __init__(self, thing):
        super().__init__(name="mine")
        self.thing = thing
    def call(self, x):
        return x
keras.Sequential([keras.Input((4,)), Mine(object())]).save(path("m.keras"))
"""
TEXT_FILE = "with open(path('t.keras'), 'w') as f: f.write('hello')\nkeras.models.load_model(path('t.keras'))"


def watched(callback, more=""):
    return f"m.fit(X, L, verbose=0{more}, callbacks=[keras.callbacks.{callback}])"


MSE = ("mean_squared_error", "one shape", "(20,)", "sparse_categorical_crossentropy")

ROWS = [
    # composing
    Mistake("a function in a stack", "keras.Sequential([layers.Dense(3), np.tanh])", ArgumentError, "Sequential", "expects layers", "tanh", "layers.Lambda"),
    Mistake("a class in a stack", "keras.Sequential([layers.Flatten])", ArgumentError, "Sequential", "expects layers", "class Flatten", "add parentheses"),
    Mistake("a word in a stack", "keras.Sequential().add('relu')", ArgumentError, "Sequential", "expects layers", "'relu'", "layers.Activation"),
    Mistake("no list", "keras.Sequential(layers.Dense(3), layers.Dense(3))", ArgumentError, "Sequential", "a list of layers", "Dense", "Sequential([...])"),
    Mistake("a name twice", "keras.Sequential([layers.Dense(4, name='d'), layers.Dense(4, name='d')], name='s')", ArgumentError, "Sequential 's'", "'d'", "already", "another name"),
    Mistake("a name twice in a graph", "x = keras.Input((4,))\nkeras.Model(x, layers.Dense(4, name='d')(layers.Dense(4, name='d')(x)), name='g')", ArgumentError, "Functional 'g'", "a name of its own", "2 layers named 'd'", "Give each"),
    Mistake("an input in the middle", "keras.Sequential([layers.Dense(4), keras.Input((4,))], name='s')", ArgumentError, "Sequential 's'", "an Input", "takes", "only as its first layer"),
    Mistake("an input left out", "a, b = keras.Input((4,), name='a'), keras.Input((4,), name='b')\nkeras.Model(a, layers.Dense(1)(b), name='g')", ArgumentError, "Functional 'g'", "['a']", "'b'", "Add it to `inputs`"),
    Mistake("a layer for an output", "keras.Model(keras.Input((4,)), layers.Dense(3), name='g')", ArgumentError, "Functional 'g'", "outputs to be placeholders", "Dense", "what Input() returns"),
    Mistake("an array for an input", "keras.Model(np.zeros((2, 4)), layers.Dense(3)(keras.Input((4,))), name='g')", ArgumentError, "Functional 'g'", "inputs to be placeholders", "array", "what Input() returns"),
    Mistake("no output", "keras.Model(keras.Input((4,)))", ArgumentError, "Model", "inputs and outputs", "1 argument", "use Sequential"),
    Mistake("a number for a shape", "keras.Input(4, name='i')", ArgumentError, "InputLayer 'i'", "a tuple of lengths", "shape 4", "(4,)"),
    Mistake("a model without call", NO_CALL, NotImplementedError, "Mine 'mine'", "call()", "has no", "Define call(self, inputs)"),
    Mistake("misspelt layer", "m.get_layer('hiden')", ArgumentError, "Sequential 'm'", "Unknown layer", "'hiden'", "Did you mean 'hidden'"),
    Mistake("a layer too many", "m.get_layer(index=9)", ArgumentError, "Sequential 'm'", "2 layers", "index 9", "has 2 layers"),
    Mistake("unbuilt and counted", f"{UNBUILT}.count_params()", NotBuiltError, "Sequential 'raw'", "weights", "no weights yet", "build it"),
    Mistake("unbuilt and saved", f"{UNBUILT}.save_weights(path('w.weights.h5'))", NotBuiltError, "Sequential 'raw'", "weights", "no weights yet", "call it on data"),
    Mistake("unbuilt and loaded", f"m.save_weights(path('w.weights.h5'))\n{UNBUILT}.load_weights(path('w.weights.h5'))", NotBuiltError, "Sequential 'raw'", "weights", "no weights yet", "then load"),
    Mistake("unbuilt and asked", f"{UNBUILT}.output_shape", AttributeError, "Sequential 'raw'", "its input", "does not know", "build it"),
    # compiling
    Mistake("misspelt loss", "m.compile('adam', 'sparse_categorical_crossentorpy')", ArgumentError, "loss", "Unknown", "crossentorpy", "Did you mean 'sparse_categorical_crossentropy'"),
    Mistake("misspelt optimizer", "m.compile('adm', 'mse')", ArgumentError, "optimizer", "Unknown", "'adm'", "Did you mean 'adam'"),
    Mistake("misspelt metric", "m.compile('sgd', 'mse', metrics=['acuracy'])", ArgumentError, "metric", "Unknown", "'acuracy'", "Did you mean 'accuracy'"),
    Mistake("a rate for an optimizer", "m.compile(0.01, 'mse')", ArgumentError, "optimizer", "Could not interpret", "0.01", "Pass a name"),
    Mistake("a number for a loss", "m.compile('sgd', 3)", ArgumentError, "loss", "Could not interpret", "3", "Pass a name"),
    Mistake("no loss", "m.compile('adam')\nm.fit(X, L, verbose=0)", ArgumentError, "Sequential 'm'", "nothing to lower", "no loss", "compile(loss="),
    Mistake("squares of labels", "m.compile('adam', 'mse')\nm.fit(X, L, verbose=0)", ShapeError, *MSE),
    Mistake("a metric of other shapes", f"m.compile('adam', '{MSE[3]}', metrics=['mse'])\nm.fit(X, L, verbose=0)", ShapeError, *MSE),
    Mistake("metrics for loss weights", "m.compile('adam', 'mse', 'accuracy')\nm.fit(X, Y, verbose=0)", ArgumentError, "loss_weights", "to be numbers", "'accuracy'", "metrics="),
    Mistake("a loss of an unknown output", "outs.compile('adam', {'a': 'mse', 'c': 'mse'})\nouts.fit(X, [Y, R], verbose=0)", ArgumentError, "output in loss", "Unknown", "'c'", "Known: a, b"),
    Mistake("a metric of an unknown output", "outs.compile('adam', 'mse', metrics={'c': ['mae']})\nouts.fit(X, [Y, R], verbose=0)", ArgumentError, "output in metrics", "Unknown", "'c'", "Known: a, b"),
    Mistake("one loss in a list for two", "outs.compile('adam', ['mse'])\nouts.fit(X, [L, R], verbose=0)", ArgumentError, "loss expects", "each of the 2 outputs", "received 1", "['a', 'b']"),
    Mistake("a loss that returns nothing", "m.compile('adam', lambda t, p: None)\nm.fit(X, Y, verbose=0)", ArgumentError, "The loss", "one number per sample", "None", "Let the function return it"),
    Mistake("a loss without a slope", "m.compile('adam', lambda t, p: keras.ops.cast(keras.ops.argmax(p), 'float32'))\nm.fit(X, Y, verbose=0)", ArgumentError, "The loss", "any trainable weight", "does not depend", "argmax"),
    Mistake("an optimizer for two", SHARED, ArgumentError, "Sequential 'other'", "its optimizer", "does not know", "with a new optimizer", True),
    # optimizers, losses, metrics
    Mistake("a rate in quotes", "keras.optimizers.Adam('0.01', name='a')", ArgumentError, "a expects", "a number", "'0.01'", "as 0.01"),
    Mistake("misspelt rate", "keras.optimizers.Adam(lerning_rate=0.1)", SignatureError, "Adam", "no argument", "'lerning_rate'", "Did you mean 'learning_rate'"),
    Mistake("too much momentum", "keras.optimizers.SGD(0.1, momentum=1.5)", ArgumentError, "SGD", "momentum", "1.5", "in [0, 1]"),
    Mistake("two ways to clip", "keras.optimizers.Adam(clipnorm=1.0, clipvalue=1.0, name='a')", ArgumentError, "a:", "only one of", "'clipvalue': 1.0", "global_clipnorm"),
    Mistake("decay over nothing", "keras.optimizers.schedules.ExponentialDecay(0.1, 0, 0.9)", ArgumentError, "ExponentialDecay", "decay_steps", "received 0", "above 0"),
    Mistake("misspelt reduction", "keras.losses.MeanSquaredError(reduction='avg')", ArgumentError, "MeanSquaredError", "reduction", "'avg'", "one of 'sum_over_batch_size'"),
    Mistake("loss of unlike shapes", "keras.losses.mean_squared_error(np.zeros((3, 2)), np.zeros((3, 3)))", ShapeError, "mean_squared_error", "one shape", "(3, 2)", "reshape one of them"),
    Mistake("one class alone", "keras.losses.CategoricalCrossentropy()(np.ones((3, 1)), np.ones((3, 1)))", ShapeError, "categorical_crossentropy", "two classes or more", "(3, 1)", "binary_crossentropy"),
    Mistake("metric of unlike shapes", "keras.metrics.CategoricalAccuracy().update_state(np.zeros(3), np.zeros((3, 3)))", ShapeError, "categorical_accuracy", "one shape", "(3,)", "sparse_"),
    Mistake("weights of other length", "keras.metrics.Mean().update_state([1.0, 2.0], sample_weight=[1.0, 2.0, 3.0])", ShapeError, "mean", "(2,)", "(3,)", "one number per sample"),
    Mistake("a class too many", "keras.metrics.MeanIoU(2).update_state([0, 3], [0, 1])", DataError, "confusion matrix", "0 to 1", "0 and 3", "Give num_classes"),
    # saving
    Mistake("no such model", "keras.models.load_model(path('none.keras'))", DataError, "none.keras", "file", "There is no", "save it first"),
    Mistake("no such weights", "m.load_weights(path('none.weights.h5'))", DataError, "none.weights.h5", "file", "There is no", "save it first"),
    Mistake("no such folder", "m.save(path('no/such/m.keras'))", ArgumentError, "no/such", "folder", "There is no", "Make it first"),
    Mistake("a pickle", "m.save(path('m.pkl'))", ArgumentError, "a model", "must end with .keras", "m.pkl", "Change the name"),
    Mistake("weights in a text", "m.save_weights(path('m.txt'))", ArgumentError, "weights", "must end with .weights", "m.txt", "Change the name"),
    Mistake("a file that exists", "m.save(path('m.keras'))\nm.save(path('m.keras'), overwrite=False)", ArgumentError, "m.keras", "overwrite", "exists", "Choose another name"),
    Mistake("a text for a model", TEXT_FILE, ArchiveError, "t.keras", "written by autonet", "ends too early", "another copy"),
    Mistake("weights for a model", "m.save_weights(path('q.weights.h5'))\nkeras.models.load_model(path('q.weights.h5'))", DataError, "q.weights.h5", "file of weights", "HDF5", "model.load_weights()"),
    Mistake("weights of other widths", OTHER_WIDTH, ShapeError, "n.weights.h5", "[4, 5] here", "[4, 7] there", "skip_mismatch=True"),
    Mistake("weights of other layers", OTHER_LAYERS, DataError, "n.weights.h5", "does not fit the model", "missing: layers/dense_1", "Build the model as it was saved"),
    Mistake("code in a file", LAMBDA, ArgumentError, "The configuration", "code from a file is never run", "a function without a name", "custom_objects={'lambda'"),
    Mistake("a class nobody knows", UNKNOWN_CLASS, ArgumentError, "class", "Unknown", "'Mine'", "@register_keras_serializable()"),
    Mistake("an argument no file holds", UNSAVABLE, ArgumentError, "Mine 'mine'", "a configuration cannot hold", "object", "get_config()"),
    # callbacks
    Mistake("misspelt monitor", watched("EarlyStopping('val_los')", ", validation_data=(X, L)"), UserWarning, "EarlyStopping", "'val_los'", "They hold: loss", "Did you mean 'val_loss'", True),
    Mistake("no validation to watch", watched("EarlyStopping()"), UserWarning, "EarlyStopping", "'val_loss'", "They hold: loss", "validation_split", True),
    Mistake("misspelt monitor of a checkpoint", watched("ModelCheckpoint(path('b.keras'), monitor='acuracy', save_best_only=True)"), UserWarning, "ModelCheckpoint", "'acuracy'", "They hold: loss", "Did you mean 'accuracy'", True),
    Mistake("misspelt monitor of a plateau", watched("ReduceLROnPlateau('los')"), UserWarning, "ReduceLROnPlateau", "'los'", "They hold: loss", "Did you mean 'loss'", True),
    Mistake("patience below 0", "keras.callbacks.EarlyStopping(patience=-1)", ArgumentError, "EarlyStopping", "patience", "-1", "patience=3"),
    Mistake("patience in quotes", "keras.callbacks.ReduceLROnPlateau(patience='3')", ArgumentError, "ReduceLROnPlateau", "patience", "'3'", "patience=3"),
    Mistake("misspelt mode", "keras.callbacks.EarlyStopping(mode='maximum')", ArgumentError, "EarlyStopping", "mode", "'maximum'", "'auto', 'min' or 'max'"),
    Mistake("a plateau that rises", "keras.callbacks.ReduceLROnPlateau(factor=2.0)", ArgumentError, "ReduceLROnPlateau", "factor", "2.0", "below 1"),
    Mistake("a rate for a schedule", "keras.callbacks.LearningRateScheduler(0.1)", ArgumentError, "LearningRateScheduler", "a function", "0.1", "of the epoch"),
    Mistake("a schedule that says nothing", watched("LearningRateScheduler(lambda epoch: None)"), ArgumentError, "LearningRateScheduler", "a number", "returned None", "must return"),
    Mistake("a schedule in quotes", watched("LearningRateScheduler(lambda epoch: '0.1')"), ArgumentError, "LearningRateScheduler", "a number", "'0.1'", "must return"),
    Mistake("a checkpoint in a text", "keras.callbacks.ModelCheckpoint(path('b.txt'))", ArgumentError, "ModelCheckpoint", "filepath", "b.txt", "ends with .keras"),
    Mistake("a class for a callback", "m.fit(X, L, callbacks=[keras.callbacks.EarlyStopping])", ArgumentError, "callbacks", "Callback objects", "EarlyStopping", "with ()"),
    Mistake("a function for a callback", "m.fit(X, L, callbacks=[print])", ArgumentError, "callbacks", "Callback objects", "print", "Derive it"),
    Mistake("misspelt hook", "keras.callbacks.LambdaCallback(on_epoch_ends=print)", ArgumentError, "LambdaCallback", "Unknown hook", "'on_epoch_ends'", "Did you mean 'on_epoch_end'"),
    # operations and tools
    Mistake("matrices that do not meet", "keras.ops.matmul(np.zeros((2, 3)), np.zeros((2, 3)))", ShapeError, "matmul", "aligned", "(2, 3), (2, 3)", "transpose"),
    Mistake("more than there is", "keras.ops.reshape(np.zeros(6), (4, 2))", ShapeError, "reshape", "(4, 2)", "(6,)", "other settings"),
    Mistake("an axis too many", "keras.ops.sum(np.zeros((2, 3)), axis=2)", ShapeError, "sum", "out of bounds", "axis=2", "Choose an axis"),
    Mistake("nothing recorded", "keras.ops.sum(keras.Tensor([1.0])).backward()", NotRecorded, "backward()", "record", "finds no", "requires_grad=True"),
    Mistake("slopes of many", "keras.grad(lambda x: x * 2)(np.zeros(3, 'float32'))", ShapeError, "grad", "one number", "(3,)", "use jacobian"),
    Mistake("an assignment into a Tensor", "keras.Tensor([1.0])[0] = 2", DtypeError, "Tensors", "do not change", "not change", "ops.slice_update"),
    Mistake("labels too large to encode", "keras.utils.to_categorical([0, 5], 3)", DataError, "to_categorical", "0 to 2", "received 5", "larger num_classes"),
    Mistake("a seed below 0", "keras.utils.set_random_seed(-1)", ArgumentError, "A seed", "from 0 to 2**32 - 1", "-1", "integer"),
    Mistake("misspelt side", "keras.utils.pad_sequences([[1], [2]], padding='left')", ArgumentError, "padding", "Unknown", "'left'", "Known: post, pre"),
    Mistake("an unknown float", "keras.config.set_floatx('float31')", ArgumentError, "set_floatx", "'float32'", "'float31'", "expects"),
    Mistake("a text for a Tensor", "keras.Tensor('abc')", DtypeError, "Tensor", "Cannot make", "'abc'", "into an array first"),
]  # fmt: skip

"""Floor 8: search for hyperparameters.

    space = tuner.Space(rate=tuner.Log(1e-3, 1e-1), units=tuner.Integer(16, 64), activation=tuner.Choice(["relu", "tanh"]))
    result = tuner.search(objective, space, method="random", trials=20, seed=1)

An objective is a function of a `Trial` that returns a score, or a `Training`, which builds and fits models:

    >>> from autonet import Sequential, datasets, layers, optimizers
    >>> (x, y), test = datasets.digits.load_data()
    >>> def build(rate, units):
    ...     model = Sequential([layers.Flatten(), layers.Dense(units, "relu"), layers.Dense(10, "softmax")])
    ...     model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    ...     return model
    >>> training = Training(build, x / 16, y, epochs=4, monitor="val_accuracy", validation_data=(test[0] / 16, test[1]))
    >>> space = Space(rate=Log(1e-4, 1e-1), units=Integer(8, 64))
    >>> result = search(training, space, method="halving", trials=8, seed=1, verbose=0)
    >>> result.best.score > 0.9
    True
    >>> model = result.best_model()
    >>> model.evaluate(test[0] / 16, test[1], verbose=0, return_dict=True)["accuracy"] == result.best.score
    True

To read in this order: `scales` and `space` (what is searched), `trial` (what is run), `methods` and `optuna` (what is tried
next), `journal` and `folder` (what stays), `workers` (side by side), `search`, `result`, `plots`; `training` (the objective
made of a model), `babysitter` (one model, watched over).
"""

from autonet import lazy as _lazy
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.tuner.babysitter import Babysitter as Babysitter
from autonet.tuner.journal import Journal as Journal
from autonet.tuner.methods import CoarseToFine as CoarseToFine
from autonet.tuner.methods import Grid as Grid
from autonet.tuner.methods import Halving as Halving
from autonet.tuner.methods import Method as Method
from autonet.tuner.methods import Random as Random
from autonet.tuner.methods import Task as Task
from autonet.tuner.optuna import Optuna as Optuna
from autonet.tuner.result import Result as Result
from autonet.tuner.scales import Choice as Choice
from autonet.tuner.scales import Integer as Integer
from autonet.tuner.scales import Log as Log
from autonet.tuner.scales import OneMinus as OneMinus
from autonet.tuner.scales import Scale as Scale
from autonet.tuner.scales import Uniform as Uniform
from autonet.tuner.search import search as search
from autonet.tuner.space import Space as Space
from autonet.tuner.training import Training as Training
from autonet.tuner.trial import Outcome as Outcome
from autonet.tuner.trial import Trial as Trial

_filter_tracebacks(__name__)

_lazy.publish(__name__)

"""Floor 5: one number to lower. Named, called and configured as in `keras.losses`.

A loss has one number for each sample; losses of several outputs at a time (mse, binary_crossentropy, hinge, ...) are means over
a sample's outputs, the last axis, as Keras's are. `reduction` says what becomes of the samples: their mean by default. Much of
the literature sums over outputs, or has a factor, so that its learning rates mean another step; here they can be used as they
stand. With n the number of samples in the batch, a the outputs, y the targets:

| literature | formula | here |
|---|---|---|
| quadratic cost (Nielsen, 2015, ch. 1) | 1/(2n) sum_x sum_j (y_j - a_j)^2 | `Scaled("mse", 1 / 2, outputs="sum")` |
| cross-entropy (Nielsen, ch. 3) | -1/n sum_x sum_j [y_j ln a_j + (1-y_j) ln(1-a_j)] | `Scaled("binary_crossentropy", outputs="sum")` |
| log-likelihood cost, softmax | -1/n sum_x ln a_y | `"sparse_categorical_crossentropy"`, `"categorical_crossentropy"` |
| error (Rumelhart, Hinton, Williams, 1986) | 1/2 sum_x sum_j (a_j - y_j)^2 | `Scaled("mse", 1 / 2, outputs="sum", reduction="sum")` |
| least squares with one output (Ng) | 1/(2n) sum_x (a - y)^2 | `Scaled("mse", 1 / 2)` |
| L2 term, weight decay (Nielsen; Ng), N training rows | lambda/(2N) sum w^2 | `regularizers.L2(lambda_ / (2 * N))` |
| L1 term, N training rows | lambda/N sum abs(w) | `regularizers.L1(lambda_ / N)` |
| PyTorch's MSELoss, BCELoss | mean over samples and outputs | `"mse"`, `"binary_crossentropy"` |
"""

import typing as _typing
from collections.abc import Callable, Mapping
from typing import Any

from autonet import lazy as _lazy
from autonet import legacy as _legacy
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.common.lines import warn as _warn
from autonet.common.types import Identifier
from autonet.legacy import LegacyWarning as _LegacyWarning
from autonet.losses.base import Loss as Loss
from autonet.losses.base import LossFunctionWrapper as LossFunctionWrapper
from autonet.losses.classification import BinaryCrossentropy as BinaryCrossentropy
from autonet.losses.classification import BinaryFocalCrossentropy as BinaryFocalCrossentropy
from autonet.losses.classification import CategoricalCrossentropy as CategoricalCrossentropy
from autonet.losses.classification import CategoricalFocalCrossentropy as CategoricalFocalCrossentropy
from autonet.losses.classification import CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy
from autonet.losses.classification import KLDivergence as KLDivergence
from autonet.losses.classification import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from autonet.losses.classification import binary_crossentropy as binary_crossentropy
from autonet.losses.classification import binary_focal_crossentropy as binary_focal_crossentropy
from autonet.losses.classification import categorical_crossentropy as categorical_crossentropy
from autonet.losses.classification import categorical_focal_crossentropy as categorical_focal_crossentropy
from autonet.losses.classification import (
    categorical_generalized_cross_entropy as categorical_generalized_cross_entropy,
)
from autonet.losses.classification import kl_divergence as kl_divergence
from autonet.losses.classification import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from autonet.losses.embedding import Circle as Circle
from autonet.losses.embedding import circle as circle
from autonet.losses.margins import CategoricalHinge as CategoricalHinge
from autonet.losses.margins import Hinge as Hinge
from autonet.losses.margins import SquaredHinge as SquaredHinge
from autonet.losses.margins import categorical_hinge as categorical_hinge
from autonet.losses.margins import hinge as hinge
from autonet.losses.margins import squared_hinge as squared_hinge
from autonet.losses.overlap import Dice as Dice
from autonet.losses.overlap import Tversky as Tversky
from autonet.losses.overlap import dice as dice
from autonet.losses.overlap import tversky as tversky
from autonet.losses.regression import CosineSimilarity as CosineSimilarity
from autonet.losses.regression import Huber as Huber
from autonet.losses.regression import LogCosh as LogCosh
from autonet.losses.regression import MeanAbsoluteError as MeanAbsoluteError
from autonet.losses.regression import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from autonet.losses.regression import MeanSquaredError as MeanSquaredError
from autonet.losses.regression import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from autonet.losses.regression import Poisson as Poisson
from autonet.losses.regression import cosine_similarity as cosine_similarity
from autonet.losses.regression import huber as huber
from autonet.losses.regression import log_cosh as log_cosh
from autonet.losses.regression import mean_absolute_error as mean_absolute_error
from autonet.losses.regression import mean_absolute_percentage_error as mean_absolute_percentage_error
from autonet.losses.regression import mean_squared_error as mean_squared_error
from autonet.losses.regression import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from autonet.losses.regression import poisson as poisson
from autonet.losses.scaled import Scaled as Scaled
from autonet.losses.sequence import CTC as CTC
from autonet.losses.sequence import ctc as ctc
from autonet.serialization import Family as _Family

_filter_tracebacks(__name__)

if not _typing.TYPE_CHECKING:  # to a type checker, a module with this function has every name
    __getattr__ = _legacy.names(__name__)

_MEMBERS = (  # a class first: where its name in snake_case is a function's, the function has it
    CTC,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Circle,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    Scaled,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    circle,
    cosine_similarity,
    ctc,
    dice,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
    tversky,
)
_SHORT = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
}
_FORMER = {  # spellings of earlier Keras versions, beside today's
    "cosine": "cosine_similarity",
    "cosine_proximity": "cosine_similarity",
    "huber_loss": "huber",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
}
_family = _Family(
    "loss", "keras.losses", Loss, _MEMBERS, aliases={**_SHORT, **{name.upper(): f for name, f in _SHORT.items()}}
)


def get(identifier: Identifier) -> Any:
    """The loss that `identifier` means: a function or a `Loss`.

    Args:
        identifier: a name ("mse" and "mean_squared_error" give the function, "MeanSquaredError" an instance of the
            class), a configuration, a class, or a loss already; None stays None.

    Raises: ArgumentError, with close matches, for an unknown name.
    """
    if isinstance(identifier, str) and identifier in _FORMER:
        today = _FORMER[identifier]
        _warn(f"The loss {identifier!r} is called {today!r} today.", _LegacyWarning)
        identifier = today
    return _family.get(identifier)


Scaled._get = staticmethod(get)


def serialize(loss: Loss | Callable[..., Any]) -> Any:
    """The configuration of `loss`, a function or a `Loss`."""
    return _family.serialize(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The loss that a configuration or a name describes."""
    return _family.deserialize(name, custom_objects)


_filter_tracebacks(__name__)  # of what was defined since

_lazy.publish(__name__)

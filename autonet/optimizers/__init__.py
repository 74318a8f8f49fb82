"""Floor 5: how weights move, given their gradients."""

import typing as _typing
from typing import Any

from autonet import lazy as _lazy
from autonet import legacy as _legacy
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.common.types import Identifier
from autonet.optimizers import schedules as schedules
from autonet.optimizers.adam import Adam as Adam
from autonet.optimizers.adam import Adamax as Adamax
from autonet.optimizers.adam import AdamW as AdamW
from autonet.optimizers.adam import LazyAdam as LazyAdam
from autonet.optimizers.adam import Nadam as Nadam
from autonet.optimizers.adam import ScheduleFreeAdamW as ScheduleFreeAdamW
from autonet.optimizers.adaptive import Adadelta as Adadelta
from autonet.optimizers.adaptive import Adafactor as Adafactor
from autonet.optimizers.adaptive import Adagrad as Adagrad
from autonet.optimizers.adaptive import Ftrl as Ftrl
from autonet.optimizers.adaptive import Lion as Lion
from autonet.optimizers.adaptive import RMSprop as RMSprop
from autonet.optimizers.base import Optimizer as Optimizer
from autonet.optimizers.hessian_free import HessianFree as HessianFree
from autonet.optimizers.layerwise import Lamb as Lamb
from autonet.optimizers.layerwise import Muon as Muon
from autonet.optimizers.lbfgs import LBFGS as LBFGS
from autonet.optimizers.loss_scale import LossScaleOptimizer as LossScaleOptimizer
from autonet.optimizers.multiple import MultiOptimizer as MultiOptimizer
from autonet.optimizers.multiple import OptimizerMap as OptimizerMap
from autonet.optimizers.sgd import SGD as SGD
from autonet.serialization.objects import Family as _Family

_filter_tracebacks(__name__)

if not _typing.TYPE_CHECKING:  # to a type checker, a module with this function has every name
    __getattr__ = _legacy.names(__name__)

_family = _Family(
    "optimizer",
    "keras.optimizers",
    base=Optimizer,
    members=(
        *(SGD, RMSprop, Adam, AdamW, Adagrad, Adadelta, Adamax, Adafactor, Nadam, Ftrl, Lion, Lamb, Muon),
        *(ScheduleFreeAdamW, LazyAdam, LossScaleOptimizer, MultiOptimizer, HessianFree, LBFGS),
    ),
)


def get(identifier: Identifier | Optimizer) -> Optimizer | None:
    """The optimizer that `identifier` means: a name such as "adam", a configuration, a class, or an optimizer.

    >>> get({"class_name": "SGD", "config": {"learning_rate": 0.5, "name": "plain"}})
    <SGD 'plain', learning_rate=0.5, iterations=0>
    """
    return _family.get(identifier)  # type: ignore[arg-type]


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """The dictionary from which `deserialize` rebuilds the optimizer, without its state."""
    return _family.serialize(optimizer)


def deserialize(config: Identifier, custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """The optimizer that a configuration or a name describes."""
    return _family.deserialize(config, custom_objects)


del globals()["adam"], globals()["sgd"]  # the rooms, which stay importable: as names they were optimizers

_filter_tracebacks(__name__)  # of what was defined since

_lazy.publish(__name__, "schedules")

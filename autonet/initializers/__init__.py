"""Floor 4: first weights. Named, called and configured as in `keras.initializers`."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autonet import lazy as _lazy
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.common.types import Identifier
from autonet.core.tensor import Tensor as _Tensor
from autonet.initializers.constant import Constant as Constant
from autonet.initializers.constant import Identity as Identity
from autonet.initializers.constant import Initializer as Initializer
from autonet.initializers.constant import Ones as Ones
from autonet.initializers.constant import Zeros as Zeros
from autonet.initializers.scaled import GlorotNormal as GlorotNormal
from autonet.initializers.scaled import GlorotUniform as GlorotUniform
from autonet.initializers.scaled import HeNormal as HeNormal
from autonet.initializers.scaled import HeUniform as HeUniform
from autonet.initializers.scaled import LecunNormal as LecunNormal
from autonet.initializers.scaled import LecunUniform as LecunUniform
from autonet.initializers.scaled import Orthogonal as Orthogonal
from autonet.initializers.scaled import RandomInitializer as RandomInitializer
from autonet.initializers.scaled import RandomNormal as RandomNormal
from autonet.initializers.scaled import RandomUniform as RandomUniform
from autonet.initializers.scaled import TruncatedNormal as TruncatedNormal
from autonet.initializers.scaled import VarianceScaling as VarianceScaling
from autonet.serialization import Family as _Family

_filter_tracebacks(__name__)

# Keras's other spellings
IdentityInitializer = Identity
OrthogonalInitializer = Orthogonal
constant = Constant  # hides the room of that name, which stays importable
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

_MEMBERS = (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
_family = _Family(
    "initializer",
    "keras.initializers",
    Initializer,
    _MEMBERS,
    aliases={
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "normal": RandomNormal,
        "one": Ones,
        "uniform": RandomUniform,
        "zero": Zeros,
    },
)


def get(identifier: Identifier) -> Any:
    """The initializer that `identifier` means.

    Args:
        identifier: a name ("glorot_uniform", "GlorotUniform"), a configuration, a class, an array or _Tensor of the
            weight's own shape, a function (shape, dtype) -> values, or an initializer already; None stays None.

    Raises: ArgumentError, with close matches, for an unknown name.
    """
    if isinstance(identifier, (np.ndarray, _Tensor)):
        given = Constant(np.array(identifier))
        given.shape = identifier.shape
        return given
    return _family.get(identifier)


def serialize(initializer: Initializer | Callable[..., Any]) -> Any:
    """The configuration of `initializer`."""
    return _family.serialize(initializer)


def deserialize(config: Identifier, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The initializer that a configuration or a name describes."""
    return _family.deserialize(config, custom_objects)


_filter_tracebacks(__name__)  # of what was defined since

_lazy.publish(__name__)

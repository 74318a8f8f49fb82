"""Floor 2: which dtype a layer's weights have, and in which it computes, under Keras's names.

    autonet.config.set_dtype_policy("mixed_float16")

gives layers that are made from then on weights of float32, which they read as float16 while they compute.
"""

from typing import Any, Self

from autonet.common import dtypes
from autonet.common.types import Dtype
from autonet.common.versions import structure
from autonet.errors import ArgumentError, UnknownDtypeError

__docformat__ = "google"

_MIXED = "mixed_"


class DTypePolicy:
    """The dtypes of a layer: of its weights, and of what it computes.

    Args:
        name: a dtype's name, for both; or "mixed_float16": computation in float16, weights in float32. None: the global
            policy's.

    Raises: UnknownDtypeError for a name of no dtype; of "mixed_bfloat16" too, as NumPy has no bfloat16.
    """

    def __init__(self, name: str | None = None):
        name = _global.name if name is None and _global is not None else name
        if not isinstance(name, str) and name is not None:
            raise UnknownDtypeError(
                f"A DTypePolicy expects the name of a dtype, or 'mixed_float16'; received {name!r}."
            )
        if isinstance(name, str) and name.startswith(_MIXED):
            if name == "mixed_bfloat16":
                dtypes.standardize_dtype("bfloat16")  # says what to take
            if name != "mixed_float16":
                raise UnknownDtypeError(f"The policies are dtypes and 'mixed_float16'; received {name!r}.")
            self._name, self._compute_dtype, self._variable_dtype = name, "float16", "float32"
        else:
            self._name = self._compute_dtype = self._variable_dtype = dtypes.standardize_dtype(name)

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """Name of the dtype in which a layer computes."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Name of the dtype of a layer's weights."""
        return self._variable_dtype

    @property
    def quantization_mode(self) -> None:
        """None: nothing is quantized here."""
        return None

    def get_config(self) -> dict[str, Any]:
        """The arguments from which `from_config` makes another one."""
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new one, from what `get_config` gave."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._name == self._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


FloatDTypePolicy = DTypePolicy
_global: DTypePolicy | None = None  # as was set; None: that of floatx


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given none: of `floatx()`, unless `set_dtype_policy` said otherwise."""
    return DTypePolicy(dtypes.floatx()) if _global is None else _global


def set_dtype_policy(policy: str | DTypePolicy | None) -> None:
    """Set the policy of layers that are made from now on and are given none. None: that of `floatx()` again."""
    global _global
    _global = None if policy is None else get(policy)
    structure.changed()


def get(identifier: DTypePolicy | Dtype | dict[str, Any]) -> DTypePolicy:
    """The policy that a name, a dtype or a configuration means; None: the global one."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str) and identifier.startswith(_MIXED):
        return DTypePolicy(identifier)
    if hasattr(identifier, "compute_dtype"):  # a policy of somebody else's
        identifier = identifier.compute_dtype
    return DTypePolicy(dtypes.standardize_dtype(identifier))  # type: ignore[arg-type]


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """The configuration from which `deserialize` makes the policy again."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """The policy of a configuration, as `serialize` gave it, or of {"name": ...} alone."""
    inner = config.get("config", config)
    name = inner.get("name") if isinstance(inner, dict) else None
    if not isinstance(name, str):
        raise ArgumentError(f"This is the configuration of no dtype policy: {str(config)[:200]}.")
    return DTypePolicy(name)

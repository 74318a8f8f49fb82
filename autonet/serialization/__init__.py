"""Floor 4: objects to plain dictionaries and back, through a closed registry of names."""

from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.serialization.objects import Family as Family
from autonet.serialization.objects import deserialize_keras_object as deserialize_keras_object
from autonet.serialization.objects import serialize_keras_object as serialize_keras_object
from autonet.serialization.objects import snake_case as snake_case
from autonet.serialization.registry import CustomObjectScope as CustomObjectScope
from autonet.serialization.registry import custom_object_scope as custom_object_scope
from autonet.serialization.registry import get_custom_objects as get_custom_objects
from autonet.serialization.registry import get_registered_name as get_registered_name
from autonet.serialization.registry import get_registered_object as get_registered_object
from autonet.serialization.registry import register_keras_serializable as register_keras_serializable

_filter_tracebacks(__name__)

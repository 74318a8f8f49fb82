"""Floor 6: models and weights to disk and back, as data that cannot act."""

from autonet import lazy as _lazy
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.saving.container import ArchiveError as ArchiveError
from autonet.saving.matching import LoadReport as LoadReport
from autonet.saving.models import load_model as load_model
from autonet.saving.models import load_weights as load_weights
from autonet.saving.models import model_from_json as model_from_json
from autonet.saving.models import model_to_json as model_to_json
from autonet.saving.models import save_model as save_model
from autonet.saving.models import save_weights as save_weights
from autonet.saving.readable import export_json as export_json
from autonet.serialization.objects import deserialize_keras_object as deserialize_keras_object
from autonet.serialization.objects import serialize_keras_object as serialize_keras_object
from autonet.serialization.registry import CustomObjectScope as CustomObjectScope
from autonet.serialization.registry import custom_object_scope as custom_object_scope
from autonet.serialization.registry import get_custom_objects as get_custom_objects
from autonet.serialization.registry import get_registered_name as get_registered_name
from autonet.serialization.registry import get_registered_object as get_registered_object
from autonet.serialization.registry import register_keras_serializable as register_keras_serializable

_filter_tracebacks(__name__)

_lazy.publish(__name__)

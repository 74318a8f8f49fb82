"""Floor 7: layers composed to models that train."""

import typing as _typing

from autonet import lazy as _lazy
from autonet import legacy as _legacy
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.models.clone import clone_model as clone_model
from autonet.models.function import Function as Function
from autonet.models.model import Functional as Functional
from autonet.models.model import Model as Model
from autonet.models.sequential import Sequential as Sequential
from autonet.saving.models import load_model as load_model
from autonet.saving.models import model_from_json as model_from_json
from autonet.saving.models import save_model as save_model

_filter_tracebacks(__name__)

if not _typing.TYPE_CHECKING:  # to a type checker, a module with this function has every name
    __getattr__ = _legacy.names(__name__)

_lazy.publish(__name__)

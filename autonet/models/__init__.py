"""Floor 7: layers composed to models that train."""

from autonet.models.clone import clone_model as clone_model
from autonet.models.functional import Functional as Functional
from autonet.models.model import Model as Model
from autonet.models.sequential import Sequential as Sequential

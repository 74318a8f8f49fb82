"""Floor 7: layers composed to models that train."""

from autonet.models.model import Model as Model
from autonet.models.sequential import Sequential as Sequential

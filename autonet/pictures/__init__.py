"""Floor 6: drawings of layers that lead to each other, and of the record behind a Tensor.

Nothing loads this room before a picture is wanted.
"""

from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.pictures.models import picture_of as picture_of
from autonet.pictures.models import plot_model as plot_model
from autonet.pictures.picture import Picture as Picture
from autonet.pictures.records import plot_graph as plot_graph

_filter_tracebacks(__name__)

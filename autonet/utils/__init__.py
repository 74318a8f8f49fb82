"""Floor 4: small tools around training: files, progress bars, sequences, labels, data sets.

What needs layers (`expand`, and the pictures of `plot_model` and `plot_graph`) is made upstairs: the front door says where,
when one is asked for.
"""

import typing as _typing

from autonet import lazy as _lazy
from autonet.common.dtypes import standardize_dtype as standardize_dtype
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.common.switches import disable_interactive_logging as disable_interactive_logging
from autonet.common.switches import enable_interactive_logging as enable_interactive_logging
from autonet.common.switches import is_interactive_logging_enabled as is_interactive_logging_enabled
from autonet.serialization.objects import deserialize_keras_object as deserialize_keras_object
from autonet.serialization.objects import serialize_keras_object as serialize_keras_object
from autonet.serialization.registry import CustomObjectScope as CustomObjectScope
from autonet.serialization.registry import custom_object_scope as custom_object_scope
from autonet.serialization.registry import get_custom_objects as get_custom_objects
from autonet.serialization.registry import get_registered_name as get_registered_name
from autonet.serialization.registry import get_registered_object as get_registered_object
from autonet.serialization.registry import register_keras_serializable as register_keras_serializable
from autonet.utils import bounding_boxes as bounding_boxes
from autonet.utils.arrays import exponential_average as exponential_average
from autonet.utils.arrays import get_source_inputs as get_source_inputs
from autonet.utils.arrays import is_keras_tensor as is_keras_tensor
from autonet.utils.arrays import normalize as normalize
from autonet.utils.arrays import pack_x_y_sample_weight as pack_x_y_sample_weight
from autonet.utils.arrays import to_categorical as to_categorical
from autonet.utils.arrays import unpack_x_y_sample_weight as unpack_x_y_sample_weight
from autonet.utils.bleu import corpus_bleu as corpus_bleu
from autonet.utils.bleu import sentence_bleu as sentence_bleu
from autonet.utils.config import Config as Config
from autonet.utils.datasets import PyDataset as PyDataset
from autonet.utils.datasets import Sequence as Sequence
from autonet.utils.decoding import beam_search as beam_search
from autonet.utils.decoding import greedy_search as greedy_search
from autonet.utils.disk import DiskArray as DiskArray
from autonet.utils.disk import DiskDataset as DiskDataset
from autonet.utils.files import get_file as get_file
from autonet.utils.folders import image_dataset_from_directory as image_dataset_from_directory
from autonet.utils.folders import text_dataset_from_directory as text_dataset_from_directory
from autonet.utils.images import array_to_img as array_to_img
from autonet.utils.images import img_to_array as img_to_array
from autonet.utils.images import load_img as load_img
from autonet.utils.images import save_img as save_img
from autonet.utils.naming import clear_session as clear_session
from autonet.utils.progress import Progbar as Progbar
from autonet.utils.seeds import set_random_seed as set_random_seed
from autonet.utils.sequences import pad_sequences as pad_sequences
from autonet.utils.sequences import timeseries_dataset_from_array as timeseries_dataset_from_array
from autonet.utils.splitting import split as split
from autonet.utils.splitting import split_dataset as split_dataset
from autonet.utils.vectors import nearest_neighbors as nearest_neighbors

if _typing.TYPE_CHECKING:  # what `__getattr__` finds, for editors and type checkers
    from autonet.layers.preprocessing.expansion import expand as expand
    from autonet.pictures import plot_graph as plot_graph
    from autonet.pictures import plot_model as plot_model

if not _typing.TYPE_CHECKING:  # to a type checker, a module with this function has every name
    __getattr__, __dir__ = _lazy.names(__name__)

_filter_tracebacks(__name__)

_lazy.publish(__name__, "bounding_boxes")

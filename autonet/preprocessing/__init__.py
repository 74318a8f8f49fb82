"""Floor 4: the second address that Keras gives to helpers of `autonet.utils`; layers that preprocess are in `layers`."""

from autonet import lazy as _lazy
from autonet.preprocessing import image as image
from autonet.preprocessing import sequence as sequence
from autonet.utils.folders import image_dataset_from_directory as image_dataset_from_directory
from autonet.utils.folders import text_dataset_from_directory as text_dataset_from_directory
from autonet.utils.sequences import timeseries_dataset_from_array as timeseries_dataset_from_array

_lazy.publish(__name__, "image", "sequence")

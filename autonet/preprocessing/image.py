"""Helpers for pictures."""

from autonet import lazy as _lazy
from autonet.utils.folders import smart_resize as smart_resize
from autonet.utils.images import array_to_img as array_to_img
from autonet.utils.images import img_to_array as img_to_array
from autonet.utils.images import load_img as load_img
from autonet.utils.images import save_img as save_img

_lazy.publish(__name__)

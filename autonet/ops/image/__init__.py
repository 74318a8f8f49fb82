"""Floor 2: images, with the names of `keras.ops.image`. All keep the images' dtype and may be given one image or a batch."""

import typing as _typing

from autonet import lazy as _lazy
from autonet.ops.abstract import make_symbolic as _make_symbolic
from autonet.ops.image.colors import hsv_to_rgb as hsv_to_rgb
from autonet.ops.image.colors import rgb_to_grayscale as rgb_to_grayscale
from autonet.ops.image.colors import rgb_to_hsv as rgb_to_hsv
from autonet.ops.image.cropping import crop_images as crop_images
from autonet.ops.image.cropping import pad_images as pad_images
from autonet.ops.image.filters import gaussian_blur as gaussian_blur
from autonet.ops.image.filters import sobel_edges as sobel_edges
from autonet.ops.image.filters import ssim as ssim
from autonet.ops.image.resizing import resize as resize
from autonet.ops.image.resizing import scale_and_translate as scale_and_translate
from autonet.ops.image.warping import affine_transform as affine_transform
from autonet.ops.image.warping import map_coordinates as map_coordinates
from autonet.ops.image.warping import perspective_transform as perspective_transform
from autonet.ops.patches import extract_patches as extract_patches
from autonet.ops.patches import extract_patches_3d as extract_patches_3d

_make_symbolic(globals())

if _typing.TYPE_CHECKING:  # what `__getattr__` finds, for editors and type checkers
    from autonet.random.elastic import elastic_transform as elastic_transform

if not _typing.TYPE_CHECKING:  # to a type checker, a module with this function has every name
    __getattr__, __dir__ = _lazy.names(__name__)

_lazy.publish(__name__)

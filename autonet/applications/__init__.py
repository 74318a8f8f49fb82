"""Floor 7: four networks for pictures, as their papers' tables say, with Keras's names of layers and numbers of weights.

    model = autonet.applications.MobileNetV2(weights=None, classes=10, input_shape=(96, 96, 3))
    model = autonet.applications.ResNet50(weights="resnet50.weights.h5")  # of Keras's `save_weights`

Each stands in a module of its own too, as in Keras, with the `preprocess_input` and `decode_predictions` that belong to it.
"""

from autonet import lazy as _lazy
from autonet.applications import efficientnet as efficientnet
from autonet.applications import imagenet_utils as imagenet_utils
from autonet.applications import mobilenet_v2 as mobilenet_v2
from autonet.applications import resnet as resnet
from autonet.applications import vgg16 as vgg16
from autonet.applications.efficientnet import EfficientNetB0 as EfficientNetB0
from autonet.applications.mobilenet_v2 import MobileNetV2 as MobileNetV2
from autonet.applications.resnet import ResNet50 as ResNet50
from autonet.applications.vgg16 import VGG16 as VGG16
from autonet.common.lines import filter_tracebacks as _filter_tracebacks

resnet50 = resnet  # Keras has it under both names

_filter_tracebacks(__name__)

_lazy.publish(__name__, "efficientnet", "imagenet_utils", "mobilenet_v2", "resnet", "vgg16")

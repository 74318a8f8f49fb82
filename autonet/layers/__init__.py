"""Floor 5: maps with weights, named and called as in `keras.layers`. A layer is built when it first sees a shape."""

from autonet.layers.activation import ELU as ELU
from autonet.layers.activation import Activation as Activation
from autonet.layers.activation import LeakyReLU as LeakyReLU
from autonet.layers.activation import PReLU as PReLU
from autonet.layers.activation import ReLU as ReLU
from autonet.layers.activation import Softmax as Softmax
from autonet.layers.base import InputSpec as InputSpec
from autonet.layers.base import Layer as Layer
from autonet.layers.convolution import Conv1D as Conv1D
from autonet.layers.convolution import Conv2D as Conv2D
from autonet.layers.convolution import Conv3D as Conv3D
from autonet.layers.dense import Dense as Dense
from autonet.layers.dropout import Dropout as Dropout
from autonet.layers.input import Input as Input
from autonet.layers.input import InputLayer as InputLayer
from autonet.layers.normalization import BatchNormalization as BatchNormalization
from autonet.layers.pooling import AveragePooling1D as AveragePooling1D
from autonet.layers.pooling import AveragePooling2D as AveragePooling2D
from autonet.layers.pooling import AveragePooling3D as AveragePooling3D
from autonet.layers.pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
from autonet.layers.pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from autonet.layers.pooling import GlobalAveragePooling3D as GlobalAveragePooling3D
from autonet.layers.pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
from autonet.layers.pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
from autonet.layers.pooling import GlobalMaxPooling3D as GlobalMaxPooling3D
from autonet.layers.pooling import MaxPooling1D as MaxPooling1D
from autonet.layers.pooling import MaxPooling2D as MaxPooling2D
from autonet.layers.pooling import MaxPooling3D as MaxPooling3D
from autonet.layers.reshaping import Flatten as Flatten
from autonet.layers.reshaping import Reshape as Reshape

# Keras's other names
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D

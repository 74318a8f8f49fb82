"""Floor 5: maps with weights, named and called as in `keras.layers`. A layer is built when it first sees a shape."""

import typing as _typing

from autonet import lazy as _lazy
from autonet import legacy as _legacy
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.layers.activation import ELU as ELU
from autonet.layers.activation import Activation as Activation
from autonet.layers.activation import ActivityRegularization as ActivityRegularization
from autonet.layers.activation import LeakyReLU as LeakyReLU
from autonet.layers.activation import PReLU as PReLU
from autonet.layers.activation import ReLU as ReLU
from autonet.layers.activation import Softmax as Softmax
from autonet.layers.attention import AdditiveAttention as AdditiveAttention
from autonet.layers.attention import Attention as Attention
from autonet.layers.base import Layer as Layer
from autonet.layers.cells import GRUCell as GRUCell
from autonet.layers.cells import LSTMCell as LSTMCell
from autonet.layers.cells import SimpleRNNCell as SimpleRNNCell
from autonet.layers.configurations import deserialize as deserialize
from autonet.layers.configurations import serialize as serialize
from autonet.layers.conv_lstm import ConvLSTM1D as ConvLSTM1D
from autonet.layers.conv_lstm import ConvLSTM2D as ConvLSTM2D
from autonet.layers.conv_lstm import ConvLSTM3D as ConvLSTM3D
from autonet.layers.convolution import Conv1D as Conv1D
from autonet.layers.convolution import Conv2D as Conv2D
from autonet.layers.convolution import Conv3D as Conv3D
from autonet.layers.dense import Dense as Dense
from autonet.layers.dense import EinsumDense as EinsumDense
from autonet.layers.dropout import AlphaDropout as AlphaDropout
from autonet.layers.dropout import Dropout as Dropout
from autonet.layers.dropout import GaussianDropout as GaussianDropout
from autonet.layers.dropout import GaussianNoise as GaussianNoise
from autonet.layers.dropout import SpatialDropout1D as SpatialDropout1D
from autonet.layers.dropout import SpatialDropout2D as SpatialDropout2D
from autonet.layers.dropout import SpatialDropout3D as SpatialDropout3D
from autonet.layers.embedding import Embedding as Embedding
from autonet.layers.embedding import ReversibleEmbedding as ReversibleEmbedding
from autonet.layers.heads import GroupQueryAttention as GroupQueryAttention
from autonet.layers.heads import MultiHeadAttention as MultiHeadAttention
from autonet.layers.input import Input as Input
from autonet.layers.input import InputLayer as InputLayer
from autonet.layers.merging import Add as Add
from autonet.layers.merging import Average as Average
from autonet.layers.merging import Concatenate as Concatenate
from autonet.layers.merging import Dot as Dot
from autonet.layers.merging import Maximum as Maximum
from autonet.layers.merging import Minimum as Minimum
from autonet.layers.merging import Multiply as Multiply
from autonet.layers.merging import Subtract as Subtract
from autonet.layers.merging import add as add
from autonet.layers.merging import average as average
from autonet.layers.merging import concatenate as concatenate
from autonet.layers.merging import dot as dot
from autonet.layers.merging import maximum as maximum
from autonet.layers.merging import minimum as minimum
from autonet.layers.merging import multiply as multiply
from autonet.layers.merging import subtract as subtract
from autonet.layers.normalization import BatchNormalization as BatchNormalization
from autonet.layers.normalization import GroupNormalization as GroupNormalization
from autonet.layers.normalization import LayerNormalization as LayerNormalization
from autonet.layers.normalization import RMSNormalization as RMSNormalization
from autonet.layers.normalization import UnitNormalization as UnitNormalization
from autonet.layers.padding import Cropping1D as Cropping1D
from autonet.layers.padding import Cropping2D as Cropping2D
from autonet.layers.padding import Cropping3D as Cropping3D
from autonet.layers.padding import UpSampling1D as UpSampling1D
from autonet.layers.padding import UpSampling2D as UpSampling2D
from autonet.layers.padding import UpSampling3D as UpSampling3D
from autonet.layers.padding import ZeroPadding1D as ZeroPadding1D
from autonet.layers.padding import ZeroPadding2D as ZeroPadding2D
from autonet.layers.padding import ZeroPadding3D as ZeroPadding3D
from autonet.layers.pooling import AdaptiveAveragePooling1D as AdaptiveAveragePooling1D
from autonet.layers.pooling import AdaptiveAveragePooling2D as AdaptiveAveragePooling2D
from autonet.layers.pooling import AdaptiveAveragePooling3D as AdaptiveAveragePooling3D
from autonet.layers.pooling import AdaptiveMaxPooling1D as AdaptiveMaxPooling1D
from autonet.layers.pooling import AdaptiveMaxPooling2D as AdaptiveMaxPooling2D
from autonet.layers.pooling import AdaptiveMaxPooling3D as AdaptiveMaxPooling3D
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
from autonet.layers.preprocessing.augmentation import RandomCrop as RandomCrop
from autonet.layers.preprocessing.augmentation import RandomFlip as RandomFlip
from autonet.layers.preprocessing.augmentation import RandomRotation as RandomRotation
from autonet.layers.preprocessing.augmentation import RandomTranslation as RandomTranslation
from autonet.layers.preprocessing.augmentation import RandomZoom as RandomZoom
from autonet.layers.preprocessing.boxes import MaxNumBoundingBoxes as MaxNumBoundingBoxes
from autonet.layers.preprocessing.distortion import RandomElasticTransform as RandomElasticTransform
from autonet.layers.preprocessing.distortion import RandomPerspective as RandomPerspective
from autonet.layers.preprocessing.distortion import RandomShear as RandomShear
from autonet.layers.preprocessing.encoding import CategoryEncoding as CategoryEncoding
from autonet.layers.preprocessing.filtering import RandomGaussianBlur as RandomGaussianBlur
from autonet.layers.preprocessing.filtering import RandomSharpness as RandomSharpness
from autonet.layers.preprocessing.hashing import HashedCrossing as HashedCrossing
from autonet.layers.preprocessing.hashing import Hashing as Hashing
from autonet.layers.preprocessing.images import CenterCrop as CenterCrop
from autonet.layers.preprocessing.images import Resizing as Resizing
from autonet.layers.preprocessing.lookup import IntegerLookup as IntegerLookup
from autonet.layers.preprocessing.lookup import StringLookup as StringLookup
from autonet.layers.preprocessing.mixing import CutMix as CutMix
from autonet.layers.preprocessing.mixing import MixUp as MixUp
from autonet.layers.preprocessing.mixing import RandomErasing as RandomErasing
from autonet.layers.preprocessing.numeric import Discretization as Discretization
from autonet.layers.preprocessing.numeric import Normalization as Normalization
from autonet.layers.preprocessing.numeric import Rescaling as Rescaling
from autonet.layers.preprocessing.pipeline import Pipeline as Pipeline
from autonet.layers.preprocessing.policies import AugMix as AugMix
from autonet.layers.preprocessing.policies import RandAugment as RandAugment
from autonet.layers.preprocessing.random_colors import RandomBrightness as RandomBrightness
from autonet.layers.preprocessing.random_colors import RandomColorDegeneration as RandomColorDegeneration
from autonet.layers.preprocessing.random_colors import RandomColorJitter as RandomColorJitter
from autonet.layers.preprocessing.random_colors import RandomContrast as RandomContrast
from autonet.layers.preprocessing.random_colors import RandomGrayscale as RandomGrayscale
from autonet.layers.preprocessing.random_colors import RandomHue as RandomHue
from autonet.layers.preprocessing.random_colors import RandomSaturation as RandomSaturation
from autonet.layers.preprocessing.text import TextVectorization as TextVectorization
from autonet.layers.preprocessing.tones import AutoContrast as AutoContrast
from autonet.layers.preprocessing.tones import (
    ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization,
)
from autonet.layers.preprocessing.tones import Equalization as Equalization
from autonet.layers.preprocessing.tones import RandomInvert as RandomInvert
from autonet.layers.preprocessing.tones import RandomPosterization as RandomPosterization
from autonet.layers.preprocessing.tones import Solarization as Solarization
from autonet.layers.recurrent import GRU as GRU
from autonet.layers.recurrent import LSTM as LSTM
from autonet.layers.recurrent import RNN as RNN
from autonet.layers.recurrent import SimpleRNN as SimpleRNN
from autonet.layers.reshaping import Flatten as Flatten
from autonet.layers.reshaping import Permute as Permute
from autonet.layers.reshaping import RepeatVector as RepeatVector
from autonet.layers.reshaping import Reshape as Reshape
from autonet.layers.separable import DepthwiseConv1D as DepthwiseConv1D
from autonet.layers.separable import DepthwiseConv2D as DepthwiseConv2D
from autonet.layers.separable import SeparableConv1D as SeparableConv1D
from autonet.layers.separable import SeparableConv2D as SeparableConv2D
from autonet.layers.spec import InputSpec as InputSpec
from autonet.layers.spectral import SpectralNormalization as SpectralNormalization
from autonet.layers.stacked import StackedRNNCells as StackedRNNCells
from autonet.layers.time_wrappers import Bidirectional as Bidirectional
from autonet.layers.time_wrappers import TimeDistributed as TimeDistributed
from autonet.layers.transposed import Conv1DTranspose as Conv1DTranspose
from autonet.layers.transposed import Conv2DTranspose as Conv2DTranspose
from autonet.layers.transposed import Conv3DTranspose as Conv3DTranspose
from autonet.layers.wrapping import Identity as Identity
from autonet.layers.wrapping import Lambda as Lambda
from autonet.layers.wrapping import Masking as Masking
from autonet.layers.wrapping import Wrapper as Wrapper

# Keras's other names
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
Convolution1D = Conv1D
Convolution2D = _legacy.first_edition("Convolution2D", Conv2D)
Convolution3D = _legacy.first_edition("Convolution3D", Conv3D)
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = _legacy.first_edition("SeparableConvolution2D", SeparableConv2D)
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D

_filter_tracebacks(__name__)

if not _typing.TYPE_CHECKING:  # to a type checker, a module with this function has every name
    __getattr__ = _legacy.names(__name__)

_lazy.publish(__name__)

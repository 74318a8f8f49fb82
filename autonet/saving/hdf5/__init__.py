"""A reader and a writer of HDF5, for the part of it that Keras uses. NumPy is all that they need."""

from autonet.saving.hdf5.reader import HDF5File as HDF5File
from autonet.saving.hdf5.writer import encode as encode

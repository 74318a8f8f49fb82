"""Helpers for sequences."""

from autonet import lazy as _lazy
from autonet.utils.sequences import pad_sequences as pad_sequences
from autonet.utils.skipgrams import make_sampling_table as make_sampling_table
from autonet.utils.skipgrams import skipgrams as skipgrams

_lazy.publish(__name__)

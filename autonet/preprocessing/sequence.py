"""Helpers for sequences."""

from autonet.utils.sequences import pad_sequences as pad_sequences

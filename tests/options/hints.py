"""Options that change no number, by decision."""

# option: (who takes it; why nothing follows). Keras's scripts pass these: how fast something runs, or where, is decided
# otherwise here. The docstrings say so. Whatever would change a number and cannot be had is refused instead.
HINTS = {
    "assume_unique": ({"isin"}, "values are looked up either way"),
    "check_types": ({"tree.assert_same_structure"}, "as in Keras"),
    "epsilon": ({"Discretization"}, "quantiles are exact: with an error of 0 in place of at most epsilon"),
    "flash_attention": (
        {"dot_product_attention", "MultiHeadAttention", "GroupQueryAttention"},
        "scores are never stored where they need not be",
    ),
    "format": ({"utils.timeseries_dataset_from_array"}, "batches are NumPy arrays"),
    "preferred_backend": ({"utils.split_dataset"}, "parts are NumPy arrays"),
    "sorted": (
        {"segment_max", "segment_min", "segment_prod", "segment_sum", "top_k", "unique"},
        "what is found is sorted in any case, and what is given need not be",
    ),
    "unroll": (
        {"RNN", "SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "scan"},
        "how a sequence is walked is the compiler's affair",
    ),
    "use_cudnn": ({"LSTM", "GRU"}, "there is none"),
    "write_graph": ({"TensorBoard"}, "utils.plot_model draws a model"),
}

# What a thing is called.
LABELS = {"name"}

# (who, option): why nothing follows from it there.
EXCEPT = {
    **{(n, "data_format"): "colours are changed one number at a time" for n in
       ("RandomBrightness", "RandomInvert", "RandomPosterization", "Solarization")},
    ("TrainingMonitor", "share"): "trainings as short as these may be looked at for longer",
    ("TrainingMonitor", "every"): "and at every step without it: tests/callbacks/test_training_monitor.py",
    ("LossScaleOptimizer", "ema_momentum"): "refused, like use_ema, beside which it would count",
    ("LossScaleOptimizer", "ema_overwrite_frequency"): "refused, like use_ema, beside which it would count",
    ("MixUp", "data_format"): "whole images are mixed",
    ("BatchNormalization", "synchronized"): "among ranks alone: tests/distribution",
    ("compile", "distribution"): "among ranks alone: tests/distribution",
    ("MaxNumBoundingBoxes", "fill_value"): "of boxes alone: tests/layers/preprocessing/test_boxes.py",
    ("MaxNumBoundingBoxes", "data_format"): "taken like other layers' for images, of which it changes none",
    ("StackedRNNCells", "dtype"): "its cells have their own",
}  # fmt: skip


def silent(who, option):
    """Whether an option need not do anything."""
    if option == "autocast" and who != "Layer":  # one line for all layers, many of which cast by themselves, too
        return True
    if option == "bounding_box_format":  # of boxes beside images: tests/layers/preprocessing/test_boxes.py
        return True
    return option in LABELS or who in HINTS.get(option, ((), ""))[0] or (who, option) in EXCEPT

"""Options that change no number, by decision."""

# Taken for the sake of Keras's scripts: how fast something runs, or where, is decided otherwise here. The docstring of
# who takes one says so.
HINTS = {
    "assume_unique": "values are looked up either way",
    "flash_attention": "scores are never stored where they need not be",
    "check_types": "as in Keras",
    "format": "batches are NumPy arrays",
    "preferred_backend": "parts are NumPy arrays",
    "steps_per_execution": "steps are run as the compiler finds best; hooks of batches see each batch that they ask for",
    "auto_scale_loss": "floats have one policy: weights of float16 ask for LossScaleOptimizer",
    "sorted": "what is found is sorted in any case, and what is given need not be",
    "synchronized": "moments are those of the whole batch anyway",
    "unroll": "how a sequence is walked is the compiler's affair",
    "use_cudnn": "there is none",
}

# What a thing is called.
LABELS = {"name"}

# (who, option): why nothing follows from it there.
EXCEPT = {
    **{(n, "data_format"): "colours are changed one number at a time" for n in
       ("RandomBrightness", "RandomInvert", "RandomPosterization", "Solarization")},
    ("Discretization", "epsilon"): "quantiles are exact: with an error of 0 in place of at most epsilon",
    ("StackedRNNCells", "dtype"): "its cells have their own",
}  # fmt: skip


def silent(who, option):
    """Whether an option need not do anything."""
    if option == "autocast" and who != "Layer":  # one line for all layers, many of which cast by themselves, too
        return True
    return option in LABELS or option in HINTS or (who, option) in EXCEPT

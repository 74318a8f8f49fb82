"""Floor 0: what every floor uses and what knows nothing of Tensors.

dtypes      names and promotion of element types, the default float
trees       nested lists, tuples and dicts
frames      tables of pandas, polars and pyarrow, as arrays
lines       which line of the user's it was, for warnings and tracebacks
versions    a number that changes with every attribute that a recorded step took as fixed
types       names for kinds of arguments, for `help()` and type checkers
"""

"""The runtime of the C back end: sources to loaded functions. Knows nothing of programs or Tensors.

sources.py     the C files, as text
toolchain.py   a C compiler, its flags
cache.py       compiled libraries on disk
blas.py        NumPy's own matrix products
library.py     load and call; the shared library and its threads

What every plan's source begins with (plan.h): pointwise.h elementary functions, random.h draws, kernels.h row kernels, the
longest of which are compiled once for all plans (loops.h, loops.c).
The library that plans share (runtime.c): pool.c threads, gemm.h products; images.c its convolutions (conv.c,
winograd.c); double.c its float64 products.
"""

from autonet.compiler.c.runtime import blas as blas
from autonet.compiler.c.runtime import cache as cache
from autonet.compiler.c.runtime import toolchain as toolchain
from autonet.compiler.c.runtime.blas import Blas as Blas
from autonet.compiler.c.runtime.library import Library as Library
from autonet.compiler.c.runtime.library import available as available
from autonet.compiler.c.runtime.library import load as load
from autonet.compiler.c.runtime.library import services as services
from autonet.compiler.c.runtime.library import warm as warm
from autonet.compiler.c.runtime.library import why_none as why_none
from autonet.compiler.c.runtime.toolchain import CompilationError as CompilationError
from autonet.compiler.c.runtime.toolchain import Compiler as Compiler

"""Floor 3, below the compiler's native plan: C sources to loaded functions. Knows nothing of programs or Tensors.

sources.py     the C runtime (runtime/), as text
toolchain.py   a C compiler, its flags
cache.py       compiled libraries on disk
blas.py        NumPy's own matrix products
library.py     load and call; the shared runtime library and its threads
"""

from autonet.compiler.native import blas as blas
from autonet.compiler.native import cache as cache
from autonet.compiler.native import toolchain as toolchain
from autonet.compiler.native.blas import Blas as Blas
from autonet.compiler.native.library import Library as Library
from autonet.compiler.native.library import available as available
from autonet.compiler.native.library import load as load
from autonet.compiler.native.library import services as services
from autonet.compiler.native.library import warm as warm
from autonet.compiler.native.library import why_none as why_none
from autonet.compiler.native.toolchain import CompilationError as CompilationError
from autonet.compiler.native.toolchain import Compiler as Compiler

"""Floor 1: processes that train one model together, each on its share of every batch. Needs the extra `mpi`.

    AUTONET_DISTRIBUTION=mpi mpiexec -n 4 python train.py

runs a script that knows nothing of it. In a script of its own:

    from autonet import distribution
    distribution.set_distribution(distribution.DataParallel())

To read in this order: `blocks` (who has which rows, and the order of sums), `parallel`, `annexes.mpi` (what ranks exchange);
`training.distributed` makes the step.

Without `mpiexec`, and before a distribution is set, there is one process, of rank 0.
"""

from autonet import lazy as _lazy
from autonet.distribution.parallel import DataParallel as DataParallel
from autonet.distribution.parallel import distribution as distribution
from autonet.distribution.parallel import get_device_count as get_device_count
from autonet.distribution.parallel import initialize as initialize
from autonet.distribution.parallel import list_devices as list_devices
from autonet.distribution.parallel import rank as rank
from autonet.distribution.parallel import set_distribution as set_distribution
from autonet.distribution.parallel import size as size

_lazy.publish(__name__)

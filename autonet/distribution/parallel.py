"""Which processes train together, and how a batch is divided among them."""

import os
import random
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet.common import processors
from autonet.common.extras import advice, installed
from autonet.errors import ArgumentError

BLOCKS = 8  # of a batch, by default: so many ranks can share it
TIMEOUT = 300.0  # seconds
_group: Any = None  # the Communicator of this job, once one was asked for
_current: "DataParallel | None" = None


class DataParallel:
    """Every rank (process) has the whole model, and takes its share of every batch of `fit`, `evaluate` and `train_on_batch`.

    A batch is cut into `blocks`, whose rows differ in number by 1 at most. Each rank runs some blocks in a row; gradients,
    changes of moving averages and what metrics gather are summed over the blocks by a fixed binary tree, so that every
    number of ranks up to `blocks` gives the same bits (with the same number of threads each, on machines of one kind). The
    loss is that of the whole batch, its weights and masks counted over all of it; BatchNormalization takes the statistics of a
    block, and its moving ones their mean; chance is drawn block by block.

    `predict` gives each rank some whole batches in a row, and all of them the outputs of all, in the bits of one rank. A rank
    predicts the whole alone where it has callbacks, where batches are made one by one (generators, PyDatasets) or are fewer
    than ranks, where a step leaves something behind (draws, states of stateful layers), and where ranks ask for other rows or
    have other weights. `predict_on_batch` is each rank's own, and so is `predict` of one batch of an array.

    What that costs, beside a step on the whole batch: products of `rows / blocks` rows, a sum over the weights for each block,
    and, where the ranks are no power of 2, partial sums of up to twice the weights that are sent. A power of 2 sends what
    MPI's own sum does: about twice the bytes of the weights, to and from each rank; between machines they set out while the
    rank's last block still walks back. With `reproducible=False` a rank's share is one block, and MPI sums in its own order:
    bits then depend on the number of ranks, and BatchNormalization with synchronized=True takes the statistics of the whole batch.

    All ranks run the same script on the same data; weights and generators are rank 0's from the first step on. Callbacks that
    are `outward` (files, the progress bar) run on rank 0.

    Args:
        device_mesh: there is none here: the ranks that `mpiexec` started are the devices.
        devices: None, or all of `list_devices()`.
        auto_shard_dataset: whether each rank takes its rows of batches that all of them are given. There is no other way here.
        blocks: how many, at least the number of ranks.
        reproducible: whether bits are the same for every number of ranks.
        timeout: seconds that a rank waits for the others before it ends the job.

    Raises: ArgumentError for other arguments, for more ranks than blocks, and where mpi4py is not installed. From `fit`:
        ArgumentError for models with steps of their own, stateful layers, optimizers that search; DistributionError where
        ranks do not do the same, or one fails.
    """

    def __init__(
        self,
        device_mesh: None = None,
        devices: Sequence[str] | None = None,
        auto_shard_dataset: bool = True,
        *,
        blocks: int = BLOCKS,
        reproducible: bool = True,
        timeout: float = TIMEOUT,
    ):
        if device_mesh is not None:
            raise ArgumentError(
                "DataParallel has no device_mesh: its devices are the ranks that mpiexec starts. Leave it out."
            )
        if not auto_shard_dataset:
            raise ArgumentError(
                "DataParallel shards every batch by itself: give all ranks the same data, and leave auto_shard_dataset out."
            )
        if isinstance(blocks, bool) or not isinstance(blocks, int) or blocks < 1:
            raise ArgumentError(f"DataParallel expects blocks to be a whole number of at least 1; received {blocks!r}.")
        if not timeout > 0:
            raise ArgumentError(f"DataParallel expects timeout in seconds, above 0; received {timeout!r}.")
        initialize()
        self.blocks, self.reproducible, self.timeout = blocks, bool(reproducible), float(timeout)
        self.blocks_for(size())
        if devices is not None and list(devices) != list_devices():
            raise ArgumentError(
                f"DataParallel runs on {list_devices()}; received {devices!r}. Start as many with mpiexec."
            )

    @property
    def group(self) -> Any:
        """The Communicator of the ranks."""
        found = communicator()
        found.timeout = self.timeout
        return found

    def blocks_for(self, ranks: int) -> int:
        """How many blocks a batch is cut into.

        Raises: ArgumentError for more ranks than blocks.
        """
        if not self.reproducible:
            return ranks
        if ranks > self.blocks:
            raise ArgumentError(
                f"DataParallel cuts every batch into {self.blocks} blocks, which {ranks} ranks cannot share. Say "
                f"DataParallel(blocks={2 * ranks}) for any number of ranks up to that, or start fewer with mpiexec."
            )
        return self.blocks

    def __repr__(self) -> str:
        return f"<DataParallel on {size()} ranks>"


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Join the processes that `mpiexec` started. `DataParallel` does so by itself.

    Ranks of one machine share its processors, unless AUTONET_THREADS says how many threads each has.

    Args: there for Keras's sake; MPI knows them. What is given must agree with that.

    Raises: ArgumentError where mpi4py is not installed, or for another number of processes.
    """
    global _group
    if _group is None:
        if not installed("mpi4py"):
            raise ArgumentError(f"A distribution needs mpi4py, which is not installed: {advice('mpi')}.")
        from autonet.distribution.annexes.mpi import Communicator

        _group = Communicator()
        if _group.size > 1 and not (processors.chosen or processors.asked()):  # ranks of a machine share its processors
            os.environ["AUTONET_THREADS"] = str(max(1, processors.available() // _group.local_size))
    for name, given, found in (("num_processes", num_processes, size()), ("process_id", process_id, rank())):
        if given is not None and given != found:
            raise ArgumentError(f"initialize expects {name} to be MPI's, {found}; received {given!r}. Leave it out.")


def join(name: str) -> None:
    """Train as the environment variable AUTONET_DISTRIBUTION asks for, for a script that knows nothing of it.

    Ranks start from rank 0's states of NumPy's and Python's generators, and only rank 0 prints.
    """
    if name != "mpi":
        raise ArgumentError(
            f"AUTONET_DISTRIBUTION expects mpi; received {name!r}. Leave it out to train in one process."
        )
    set_distribution(DataParallel())
    assert _group is not None
    if _group.size == 1:
        return
    numpy_state, python_state = _group.broadcast((np.random.get_state(), random.getstate()))
    np.random.set_state(numpy_state)
    random.setstate(python_state)
    if _group.rank:
        sys.stdout = open(os.devnull, "w")


def communicator() -> Any:
    """What the ranks talk through, once a distribution was made."""
    return _group


def rank() -> int:
    """This process's number, from 0; 0 before a distribution is set."""
    return 0 if _group is None else _group.rank


def size() -> int:
    """How many processes train together; 1 before a distribution is set."""
    return 1 if _group is None else _group.size


def list_devices(device_type: str | None = None) -> list[str]:
    """The ranks, under Keras's names: "cpu:0", "cpu:1", ..."""
    if device_type not in (None, "cpu", "CPU"):
        return []
    return [f"cpu:{n}" for n in range(size())]


def get_device_count(device_type: str | None = None) -> int:
    """How many ranks there are."""
    return len(list_devices(device_type))


def set_distribution(value: DataParallel | None) -> None:
    """Let all models train in this way from now on; None: each process on its own."""
    global _current
    if value is not None and not isinstance(value, DataParallel):
        raise ArgumentError(f"set_distribution expects a DataParallel or None; received {value!r}.")
    _current = value


def distribution() -> DataParallel | None:
    """What `set_distribution` set."""
    return _current

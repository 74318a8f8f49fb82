"""Which processes train together, and how a batch is divided among them."""

from collections.abc import Sequence
from typing import Any

from autonet.common.extras import installed
from autonet.errors import ArgumentError

BLOCKS = 8  # of a batch, by default: so many ranks can share it
_group: Any = None  # the Communicator of this job, once one was asked for
_current: "DataParallel | None" = None


class DataParallel:
    """Every rank (process) has the whole model, and takes its share of every batch.

    Args:
        device_mesh: there is none here: the ranks that `mpiexec` started are the devices.
        devices: None, or all of `list_devices()`.
        auto_shard_dataset: whether each rank takes its rows of batches that all of them are given. There is no other way here.

    Raises: ArgumentError for other arguments, and where mpi4py is not installed.
    """

    def __init__(
        self,
        device_mesh: None = None,
        devices: Sequence[str] | None = None,
        auto_shard_dataset: bool = True,
    ):
        if device_mesh is not None:
            raise ArgumentError(
                "DataParallel has no device_mesh: its devices are the ranks that mpiexec starts. Leave it out."
            )
        if not auto_shard_dataset:
            raise ArgumentError(
                "DataParallel shards every batch by itself: give all ranks the same data, and leave auto_shard_dataset out."
            )
        initialize()
        if devices is not None and list(devices) != list_devices():
            raise ArgumentError(
                f"DataParallel runs on {list_devices()}; received {devices!r}. Start as many with mpiexec."
            )

    def __repr__(self) -> str:
        return f"<DataParallel on {size()} ranks>"


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Join the processes that `mpiexec` started. `DataParallel` does so by itself.

    Args: there for Keras's sake; MPI knows them. What is given must agree with that.

    Raises: ArgumentError where mpi4py is not installed, or for another number of processes.
    """
    global _group
    if _group is None:
        if not installed("mpi4py"):
            raise ArgumentError("A distribution needs mpi4py, which is not installed: pip install 'autonet[mpi]'.")
        from autonet.distribution.annexes.mpi import Communicator

        _group = Communicator()
    for name, given, found in (("num_processes", num_processes, size()), ("process_id", process_id, rank())):
        if given is not None and given != found:
            raise ArgumentError(f"initialize expects {name} to be MPI's, {found}; received {given!r}. Leave it out.")


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

"""Communicator: the processes of an MPI job, and what they tell each other."""

from mpi4py import MPI


class Communicator:
    """All processes that `mpiexec` started, this one included; without it, this one.

    Attributes:
        rank: number of this process.
        size: how many there are.
    """

    def __init__(self) -> None:
        self._world = MPI.COMM_WORLD.Dup()
        self.rank: int = self._world.Get_rank()
        self.size: int = self._world.Get_size()

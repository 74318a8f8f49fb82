"""Communicator: the processes of an MPI job, and what they tell each other."""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from mpi4py import MPI

from autonet.distribution.blocks import Part, add_up
from autonet.errors import DistributionError

BUCKET = 1 << 18  # numbers that are sent together
SMALL = 1 << 12  # numbers that everybody sends to all, and sums: one message in the place of two
PATIENCE = 2.0  # seconds that other ranks have to say what happened, before the job is ended
SPINS = 200  # looks at a request in a row, before others may have the processor


class Communicator:
    """All processes that `mpiexec` started, this one included; without it, this one.

    Each of its methods is called by all ranks, in the same order. A rank that fails tells the others, and a rank that
    waits for longer than `timeout` ends the job.

    Attributes:
        rank: number of this process.
        size: how many there are.
        timeout: seconds.
    """

    def __init__(self, timeout: float = 300.0) -> None:
        self._world = MPI.COMM_WORLD.Dup()
        self._news = MPI.COMM_WORLD.Dup()  # of ranks that failed
        self.rank: int = self._world.Get_rank()
        self.size: int = self._world.Get_size()
        self.local_size: int = self._world.Split_type(MPI.COMM_TYPE_SHARED).Get_size()  # on this machine
        self.timeout = timeout
        self.seconds = 0.0  # spent waiting for others, and on what they sent
        self._calls = 0
        self._last_words = ""  # of a rank whose script has ended
        self._told = False  # whether the others know, or said themselves, that the job is at its end
        if self.size > 1:
            self._hook, sys.excepthook = sys.excepthook, self._uncaught
            atexit.register(self._leave)

    # What ranks exchange

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value, on every rank."""
        return self.gather(value if self.rank == 0 else None)[0]

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, on every rank."""
        if self.size == 1:
            return [value]
        started = time.perf_counter()
        payload = np.frombuffer(MPI.pickle.dumps(value), np.uint8)
        counts = self._agree("gather", len(payload), alike=False)
        received = np.empty(sum(counts), np.uint8)
        self._wait([self._world.Iallgatherv(payload, [received, counts])])
        ends = np.cumsum(counts)
        found = [MPI.pickle.loads(received[e - n : e].tobytes()) for e, n in zip(ends, counts, strict=True)]
        self.seconds += time.perf_counter() - started
        return found

    def concatenate(self, array: np.ndarray) -> np.ndarray:
        """Every rank's rows, in the order of ranks, on every rank."""
        kinds = self.gather((array.shape, array.dtype))
        if array.dtype.hasobject or any((shape[1:], dtype) != (array.shape[1:], array.dtype) for shape, dtype in kinds):
            return np.concatenate(self.gather(array))  # which says what does not fit
        started = time.perf_counter()
        found = np.empty((sum(shape[0] for shape, _ in kinds), *array.shape[1:]), array.dtype)
        row = found[:1].nbytes
        target = [found.reshape(-1).view(np.uint8), [shape[0] * row for shape, _ in kinds]]
        self._wait([self._world.Iallgatherv(np.ascontiguousarray(array).reshape(-1).view(np.uint8), target)])
        self.seconds += time.perf_counter() - started
        return found

    def add_up(
        self, own: dict[Part, np.ndarray], parts: Sequence[Sequence[Part]], whole: Part, out: np.ndarray
    ) -> None:
        """The sum over all blocks, in the order of `blocks.add_up`, on every rank.

        Args:
            own: for each of this rank's parts, its sum, shape (n,).
            parts: for each rank, the parts that it has.
            whole: all blocks.
            out: where the sum goes, shape (n,).
        """
        started = time.perf_counter()
        self._agree("add_up", len(out))
        if len(out) <= SMALL:
            self._all_to_all(own, parts, whole, out)
        else:
            self._by_slices(own, parts, whole, out)
        self.seconds += time.perf_counter() - started

    def _all_to_all(self, own: dict[Part, np.ndarray], parts: Any, whole: Part, result: np.ndarray) -> None:
        n = len(result)
        counts = [n * len(p) for p in parts]
        sent = np.concatenate([own[p] for p in parts[self.rank]]) if counts[self.rank] else np.empty(0, result.dtype)
        received = np.empty(sum(counts), result.dtype)
        self._wait([self._world.Iallgatherv(sent, [received, counts])])
        rows = iter(received.reshape(-1, n))
        result[:] = add_up({p: next(rows) for owned in parts for p in owned}, whole, _add)

    def _by_slices(self, own: dict[Part, np.ndarray], parts: Any, whole: Part, result: np.ndarray) -> None:
        """Each rank sums a slice of the numbers and sends it to all. Buckets are under way at once."""
        buckets = []
        for first in range(0, len(result), BUCKET):
            n = min(BUCKET, len(result) - first)
            ends = [first + n * r // self.size for r in range(self.size + 1)]
            sizes = np.diff(ends)
            mine = [own[p] for p in parts[self.rank]]
            sent_counts = (sizes * len(mine)).tolist()
            if len(mine) == 1:
                sent = mine[0][first : first + n]
            else:
                pieces = [v[a:b] for a, b in zip(ends, ends[1:], strict=False) for v in mine]
                sent = np.concatenate(pieces) if pieces else np.empty(0, result.dtype)
            counts = [int(sizes[self.rank]) * len(p) for p in parts]
            received = np.empty(sum(counts), result.dtype)
            request = self._world.Ialltoallv([sent, sent_counts], [received, counts])
            buckets.append((request, sent, received, ends, sizes))
        second = []
        for request, _, received, ends, sizes in buckets:
            self._wait([request])
            rows = iter(received.reshape(-1, sizes[self.rank]) if sizes[self.rank] else [])
            slice_ = result[ends[self.rank] : ends[self.rank + 1]]
            if sizes[self.rank]:
                slice_[:] = add_up({p: next(rows) for owned in parts for p in owned}, whole, _add)
            target = [result[ends[0] : ends[-1]], sizes.tolist()]
            second.append(self._world.Iallgatherv(MPI.IN_PLACE, target))
        self._wait(second)

    def add(self, array: np.ndarray) -> None:
        """Every rank's array becomes the sum of all, in an order that is MPI's and depends on the number of ranks."""
        if self.size == 1:
            return
        started = time.perf_counter()
        self._agree("add", array.size)
        pieces = [array[k : k + BUCKET] for k in range(0, len(array), BUCKET)]
        self._wait([self._world.Iallreduce(MPI.IN_PLACE, piece) for piece in pieces])
        self.seconds += time.perf_counter() - started

    def _agree(self, what: str, n: int, alike: bool = True) -> list[int]:
        """See that all ranks are about to do the same. Returns: each rank's `n`."""
        self._calls += 1
        sent = np.array([_CODES.index(what), self._calls, n], np.int64)
        received = np.empty((self.size, 3), np.int64)
        self._wait([self._world.Iallgather(sent, received)])
        if (received[:, :2] != sent[:2]).any() or (alike and (received[:, 2] != n).any()):
            told = ", ".join(
                f"rank {r}: {_CODES[code]} of {count} (exchange {k})"
                for r, (code, k, count) in enumerate(received.tolist())
            )
            raise DistributionError(
                f"The ranks do not do the same: {told}. All must run the same script on the same data; what one alone does, "
                "as writing a file, must not train, evaluate, predict (but by predict_on_batch) or stop training."
            )
        return received[:, 2].tolist()

    # Failures

    def _wait(self, requests: list[Any]) -> None:
        """Until all requests are done.

        Raises: DistributionError if another rank failed meanwhile, or nothing happens for `timeout` seconds.
        """
        started = now = time.monotonic()
        for request in requests:
            looks = 0
            while not request.Test():
                looks += 1
                if looks < SPINS:
                    continue
                os.sched_yield() if hasattr(os, "sched_yield") else time.sleep(0)
                if looks % SPINS == 0:
                    self._hear()
                    now = time.monotonic()
                    if (
                        self._last_words and now > started + PATIENCE
                    ):  # what it had sent before has had the time to come
                        self._end(self._last_words)
                    if now > started + self.timeout:
                        raise DistributionError(
                            f"Rank {self.rank} of {self.size} has waited for {self.timeout:g} s: another rank hangs, or does "
                            "something else. Look at what the others do; DataParallel(timeout=...) says how long to wait."
                        )

    def _hear(self) -> None:
        """Take in what other ranks said at their end."""
        status = MPI.Status()
        if self._news.Iprobe(MPI.ANY_SOURCE, 0, status):
            failed, message = self._news.recv(source=status.Get_source(), tag=0)
            message = f"Rank {status.Get_source()} of {self.size} {message.rstrip('.')}"
            if failed:
                self._end(message)
            self._last_words = message

    def _end(self, message: str) -> None:
        self._told = True
        raise DistributionError(f"{message}. So this one, {self.rank}, ends too.")

    def _tell(self, message: str, failed: bool = True) -> None:
        if not self._told:
            self._told = True
            for other in range(self.size):
                if other != self.rank:
                    self._news.isend((failed, message), other, 0)

    def _uncaught(self, kind: Any, error: BaseException, traceback: Any) -> None:
        """An error that ends this process ends the others: they are told why, then MPI ends what is left."""
        said = (str(error) or " ").splitlines()[0]
        if isinstance(error, DistributionError):
            print(f"autonet: {error}", file=sys.stderr, flush=True)
            self._tell(f"says: {said}")
        else:
            self._hook(kind, error, traceback)
            sys.stderr.flush()
            self._tell(f"failed with {kind.__name__}: {said}".rstrip(": "))
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self._news.Iprobe(MPI.ANY_SOURCE, 1)  # lets what was sent go on
            time.sleep(0.01)
        sys.stderr.flush()
        self._world.Abort(1)

    def _leave(self) -> None:
        """This process's script has come to its end: who still waits for it hears of that."""
        self._tell("has ended its script", failed=False)


_CODES = ["add_up", "add", "gather"]


def _add(a: Any, b: Any) -> Any:
    return np.add(a, b, out=a)

"""Communicator: the processes of an MPI job, and what they tell each other."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from mpi4py import MPI

from autonet.distribution.blocks import Part, add_up
from autonet.errors import DistributionError

BUCKET = 1 << 18  # numbers that are sent together
SMALL = 1 << 12  # numbers that everybody sends to all, and sums: one message in the place of two
PATIENCE = 2.0  # seconds that other ranks have to say what happened, before the job is ended
PARTS, SUMS = 0, 1  # tags of messages
LATE = 0.25  # seconds that a rank waits for the Ctrl-C of which another one has told
SPINS = 200  # looks at a request in a row, before others may have the processor


class Announcement(NamedTuple):
    """What ranks tell each other before an exchange: what it is, its number, and of how many numbers."""

    request: Any
    sent: np.ndarray
    received: np.ndarray


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
        self._announced: list[Announcement] = []  # exchanges that were not settled yet
        self._rooms: dict[int, np.ndarray] = {}  # for what others send
        self._last_words = ""  # of a rank whose script has ended
        self._inside = False  # an exchange
        self._interrupted: float | None = None  # when Ctrl-C came during it
        # what kept an exchange from its end; its frames hold memory that others write to
        self._wreck: BaseException | None = None
        self.asked_to_stop = False  # by Ctrl-C, which the others are yet to learn
        self._agreed = False
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
        with self._exchange():
            return self._gather(value)

    def _gather(self, value: Any) -> list[Any]:
        started = time.perf_counter()
        payload = np.frombuffer(MPI.pickle.dumps(value), np.uint8)
        counts = self._settle(self._announce("gather", len(payload)), alike=False)
        received = np.empty(sum(counts), np.uint8)
        self._wait([self._world.Iallgatherv(payload, [received, counts])])
        ends = np.cumsum(counts)
        found = [MPI.pickle.loads(received[e - n : e].tobytes()) for e, n in zip(ends, counts, strict=True)]
        self.seconds += time.perf_counter() - started
        return found

    def concatenate(self, array: np.ndarray) -> np.ndarray:
        """Every rank's rows, in the order of ranks, on every rank."""
        with self._exchange():
            return self._concatenate(array)

    def _concatenate(self, array: np.ndarray) -> np.ndarray:
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

    def announce(self, what: str, n: int) -> Announcement:
        """Say that an exchange of `n` numbers is to come: "add_up" or "add". What others say arrives during the work
        before it."""
        with self._exchange():
            return self._announce_next(what, n)

    def _announce_next(self, what: str, n: int) -> Announcement:
        while self._announced:  # of exchanges that an error kept from happening
            self._settle(self._announced[0])
        return self._announce(what, n)

    def add_up(
        self,
        own: dict[Part, list[np.ndarray]],
        parts: Sequence[Sequence[Part]],
        whole: Part,
        out: Sequence[np.ndarray],
        announced: Announcement | None = None,
    ) -> None:
        """The sum over all blocks, in the order of `blocks.add_up`, on every rank.

        Each rank sums a slice of a vector and sends it to all; pieces of it are under way at once, and short vectors whole.

        Args:
            own: for each of this rank's parts, its sums: vectors.
            parts: for each rank, the parts that it has.
            whole: all blocks.
            out: where the sums go.
            announced: what `announce` gave for all numbers of `out`; by default it happens now.
        """
        with self._exchange():
            self._add_up(own, parts, whole, out, announced)

    def _add_up(self, own: Any, parts: Any, whole: Part, out: Any, announced: Announcement | None) -> None:
        started = time.perf_counter()
        self._settle(announced or self.announce("add_up", sum(map(len, out))))
        short = [k for k, v in enumerate(out) if len(v) <= SMALL]
        gathered = [self._send_to_all([own[p][k] for p in parts[self.rank]], parts, out[k]) for k in short]
        sums, results, sent = [], [], []
        others = [(self.rank + n) % self.size for n in range(1, self.size)]
        for k in [k for k in range(len(out)) if k not in short]:
            pieces = self._pieces(len(out[k]), self.rank)
            room = iter(self._room(k, out[k].dtype, sum(len(parts[r]) for r in others), pieces))
            for piece in pieces:
                found = {p: vectors[k][piece] for p, vectors in own.items()}
                come = {(r, p): next(room) for r in others for p in parts[r]}
                requests = [self._world.Irecv(array, r, PARTS) for (r, _), array in come.items()]
                sums.append((found | {p: array for (_, p), array in come.items()}, requests, out[k][piece]))
            for r in others:
                for piece in self._pieces(len(out[k]), r):
                    sent += [self._world.Isend(own[p][k][piece], r, PARTS) for p in parts[self.rank]]
                    results.append(self._world.Irecv(out[k][piece], r, SUMS))
        for found, requests, result in sums:
            self._wait(requests)
            result[:] = add_up(found, whole, _add)
            sent += [self._world.Isend(result, r, SUMS) for r in others]
        for k, (request, received) in zip(short, gathered, strict=True):
            self._wait([request])
            rows = iter(received.reshape(-1, len(out[k])))
            out[k][:] = add_up({p: next(rows) for owned in parts for p in owned}, whole, _add)
        self._wait([*results, *sent])
        self.seconds += time.perf_counter() - started

    def _send_to_all(self, vectors: list[np.ndarray], parts: Any, like: np.ndarray) -> tuple[Any, np.ndarray]:
        """A request, and the vectors of all parts of all ranks, which come in turn."""
        sent = np.concatenate(vectors) if vectors else np.empty(0, like.dtype)
        counts = [len(like) * len(p) for p in parts]
        received = np.empty(sum(counts), like.dtype)
        return self._world.Iallgatherv(sent, [received, counts]), received

    def _pieces(self, n: int, rank: int) -> list[slice]:
        """The slice of a vector of `n` numbers that a rank sums, in pieces."""
        first, last = n * rank // self.size, n * (rank + 1) // self.size
        return [slice(k, min(k + BUCKET, last)) for k in range(first, last, BUCKET)]

    def _room(self, k: int, dtype: Any, count: int, pieces: list[slice]) -> list[np.ndarray]:
        """For each piece, `count` arrays, in memory that is kept: new pages would take as long as the message."""
        sizes = [piece.stop - piece.start for piece in pieces for _ in range(count)]
        if k not in self._rooms or self._rooms[k].dtype != dtype or len(self._rooms[k]) < sum(sizes):
            self._rooms[k] = np.empty(sum(sizes), dtype)
        ends = np.cumsum(sizes).tolist()
        return [self._rooms[k][end - n : end] for end, n in zip(ends, sizes, strict=True)]

    def add(self, *arrays: np.ndarray, announced: Announcement | None = None) -> None:
        """Every rank's arrays become the sums of all, in an order that is MPI's and depends on the number of ranks."""
        if self.size == 1:
            return
        with self._exchange():
            self._add(arrays, announced)

    def _add(self, arrays: Sequence[np.ndarray], announced: Announcement | None) -> None:
        started = time.perf_counter()
        self._settle(announced or self.announce("add", sum(map(len, arrays))))
        pieces = [array[k : k + BUCKET] for array in arrays for k in range(0, len(array), BUCKET)]
        self._wait([self._world.Iallreduce(MPI.IN_PLACE, piece) for piece in pieces])
        self.seconds += time.perf_counter() - started

    def _announce(self, what: str, n: int) -> Announcement:
        self._calls += 1
        sent = np.array([_NUMBERS[what], self._calls, n, self.asked_to_stop], np.int64)
        received = np.empty((self.size, 4), np.int64)
        found = Announcement(self._world.Iallgather(sent, received), sent, received)
        self._announced.append(found)  # which keeps its memory until others have written there
        return found

    def _settle(self, announced: Announcement, alike: bool = True) -> list[int]:
        """See that all ranks are about to do the same. Returns: each rank's `n`."""
        request, sent, received = announced
        self._wait([request])
        self._announced = [a for a in self._announced if a is not announced]
        self._agreed = self._agreed or bool((received[:, 3] == 1).any())
        if (received[:, :2] != sent[:2]).any() or (alike and (received[:, 2] != sent[2]).any()):
            told = ", ".join(
                f"rank {r}: {_CODES.get(code, 'another exchange')} of {count} (exchange {k})"
                for r, (code, k, count, _) in enumerate(received.tolist())
            )
            raise DistributionError(
                f"The ranks do not do the same: {told}. All must run the same script on the same data; what one alone does, "
                "as writing a file, must not train, evaluate, predict (but by predict_on_batch) or stop training."
            )
        return received[:, 2].tolist()

    # Failures

    @contextlib.contextmanager
    def _exchange(self) -> Iterator[None]:
        """Ctrl-C waits for the end of an exchange, which others count on; one that did not come to its end was the last.

        Raises: KeyboardInterrupt, after the exchange; DistributionError where an earlier one was broken off.
        """
        if self._inside:
            yield
            return
        if self._wreck is not None:
            raise DistributionError(
                f"Rank {self.rank} of {self.size} broke an exchange off ({type(self._wreck).__name__}), so the ranks cannot go on "
                "together. Start the job again; BackupAndRestore goes on where it was."
            )
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        held = usual and threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGINT, self._interrupt) if held else None
        self._inside = True
        try:
            yield
        except Exception:
            raise  # if a message was under way, `_wait` has seen to it
        except BaseException as error:
            self._wreck = error
            raise
        finally:
            self._inside = False
            if held:
                signal.signal(signal.SIGINT, before)
        if self._interrupted is not None:
            self._interrupted = None
            raise KeyboardInterrupt

    def agreed_to_stop(self) -> bool:
        """Whether a rank was asked to stop by Ctrl-C and all know of it; said once."""
        if not self._agreed:
            return False
        end = time.monotonic() + LATE
        while not self.asked_to_stop and time.monotonic() < end:
            time.sleep(0.01)  # mpiexec sends it to all, to some later
        self._agreed = self.asked_to_stop = False
        return True

    def _interrupt(self, number: int, frame: Any) -> None:
        self._interrupted = time.monotonic()

    def _wait(self, requests: list[Any]) -> None:
        """Until all requests are done; where they are not, this exchange was the last.

        Raises: DistributionError if another rank failed meanwhile, or nothing happens for `timeout` seconds.
        """
        started = now = time.monotonic()
        try:
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
                        if self._interrupted is not None and now > self._interrupted + PATIENCE:
                            raise KeyboardInterrupt  # the others do not come
                        if (
                            self._last_words and now > started + PATIENCE
                        ):  # what it had sent before has had the time to come
                            self._end(self._last_words)
                        if now > started + self.timeout:
                            raise DistributionError(
                                f"Rank {self.rank} of {self.size} has waited for {self.timeout:g} s: another rank hangs, or does "
                                "something else. Look at what the others do; DataParallel(timeout=...) says how long to wait."
                            )
        except BaseException as error:
            self._wreck = error
            raise

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


_CODES = dict(enumerate(["add_up", "add", "gather"]))
_NUMBERS = {what: code for code, what in _CODES.items()}


def _add(a: Any, b: Any) -> Any:
    return np.add(a, b, out=a)

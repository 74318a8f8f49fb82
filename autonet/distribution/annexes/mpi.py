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

    def begin(self, out: Sequence[np.ndarray], order: tuple[Sequence[Sequence[Part]], Part] | None = None) -> UnderWay:
        """A sum over all ranks, of vectors that come one after the other. What others say of it arrives during the work before.

        Args:
            out: where the sums go.
            order: the parts of the tree that each rank has, and all blocks: sums are those of `blocks.add_up`. By default a
                rank has one part, or, where it says none, what `out` holds; the order is MPI's and depends on the number of
                ranks.
        """
        with self._exchange():
            while self._announced:  # of exchanges that an error kept from happening
                self._settle(self._announced[0])
            return UnderWay(self, out, order, self._announce("add_up" if order else "add", sum(map(len, out))))

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

    def add(self, *arrays: np.ndarray) -> None:
        """Every rank's vectors become the sums of all, in an order that is MPI's and depends on the number of ranks."""
        if self.size == 1:
            return
        with self.begin(arrays) as under_way:
            for k in range(len(arrays)):
                under_way.start(k, {})

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


class UnderWay:
    """A sum over all ranks, from the first vector that sets out to the last that arrives; see `Communicator.begin`.

    In a given order each rank sums a slice of each vector, in pieces, and sends that to all; short vectors go to all whole.
    Left by an error after vectors have set out, it is the last exchange of all.
    """

    def __init__(self, group: Communicator, out: Sequence[np.ndarray], order: Any, announced: Announcement):
        self.group, self.out, self.order, self.announced = group, out, order, announced
        self.begun = False
        self.slices: list[Any] = []  # that this rank sums: its parts, requests for those of others, where the sum goes
        self.short: list[Any] = []  # requests for vectors that are sent whole, what comes, and where the sum goes
        self.requests: list[Any] = []  # for all else

    def start(self, k: int, own: dict[Part, np.ndarray]) -> None:
        """Vector `k` is known, for each of this rank's parts of the tree. All ranks start the same ones in the same order."""
        group = self.group
        with group._exchange():
            started = time.perf_counter()
            if not self.begun:
                group._settle(self.announced)
                self.begun = True
            if self.order is None:
                (vector,) = own.values() or (None,)
                for n in range(0, len(self.out[k]), BUCKET):
                    sent = MPI.IN_PLACE if vector is None else vector[n : n + BUCKET]
                    self.requests.append(group._world.Iallreduce(sent, self.out[k][n : n + BUCKET]))
            elif len(self.out[k]) <= SMALL:
                vectors = [own[p] for p in self.order[0][group.rank]]
                self.short.append((*group._send_to_all(vectors, self.order[0], self.out[k]), self.out[k]))
            else:
                self._send(k, own)
            while self.slices and all(request.Test() for request in self.slices[0][1]):
                self._sum()
            group.seconds += time.perf_counter() - started

    def _send(self, k: int, own: dict[Part, np.ndarray]) -> None:
        group, out, parts = self.group, self.out[k], self.order[0]
        others = [(group.rank + n) % group.size for n in range(1, group.size)]
        pieces = group._pieces(len(out), group.rank)
        room = iter(group._room(k, out.dtype, sum(len(parts[r]) for r in others), pieces))
        for piece in pieces:
            come = {(r, p): next(room) for r in others for p in parts[r]}
            requests = [group._world.Irecv(array, r, PARTS) for (r, _), array in come.items()]
            found = {p: v[piece] for p, v in own.items()} | {p: array for (_, p), array in come.items()}
            self.slices.append((found, requests, out[piece]))
        for r in others:
            for piece in group._pieces(len(out), r):
                self.requests += [group._world.Isend(own[p][piece], r, PARTS) for p in parts[group.rank]]
                self.requests.append(group._world.Irecv(out[piece], r, SUMS))

    def _sum(self) -> None:
        """Sum the next slice, all of whose parts have come, and send it to all."""
        found, _, result = self.slices.pop(0)
        result[:] = add_up(found, self.order[1], _add)
        others = [r for r in range(self.group.size) if r != self.group.rank]
        self.requests += [self.group._world.Isend(result, r, SUMS) for r in others]

    def __enter__(self) -> UnderWay:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        """All sums are there.

        Raises: DistributionError where another rank failed, or hangs.
        """
        group = self.group
        if error is not None:
            group._wreck = group._wreck or (error if self.begun else None)
            return
        with group._exchange():
            started = time.perf_counter()
            while self.slices:
                group._wait(self.slices[0][1])
                self._sum()
            for request, received, out in self.short:
                group._wait([request])
                rows = iter(received.reshape(-1, len(out)))
                out[:] = add_up({p: next(rows) for owned in self.order[0] for p in owned}, self.order[1], _add)
            group._wait(self.requests)
            group.seconds += time.perf_counter() - started


_CODES = dict(enumerate(["add_up", "add", "gather"]))
_NUMBERS = {what: code for code, what in _CODES.items()}


def _add(a: Any, b: Any) -> Any:
    return np.add(a, b, out=a)

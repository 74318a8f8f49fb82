"""A step of which every rank does its share: blocks of the batch, whose gradients are summed in one order.

A batch is cut into blocks, always the same ones (`autonet.distribution.blocks`). Each is run by one compiled function, the
same on every rank: from the weights as they stand to gradients, to what the layers' moving averages become, and to what the
metrics gather. All of it is summed over the blocks in the order of their tree, and one compiled update follows, the same on
every rank. What a step does so depends on the batch and the number of blocks alone.
"""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from autonet.common.processors import threads
from autonet.common.trees import flatten, map_structure
from autonet.common.versions import structure
from autonet.compiler.account import ALWAYS
from autonet.compiler.c.runtime.library import tell_blas
from autonet.compiler.jit import Compiled
from autonet.core.state import Context, no_grad, state
from autonet.core.tensor import Tensor, wrap
from autonet.distribution.annexes.reduce import add_over_ranks, hand_over, waiting
from autonet.errors import ArgumentError, DistributionError
from autonet.ops.identity import detach
from autonet.optimizers import Optimizer
from autonet.random import seeds
from autonet.training import data as datas
from autonet.training import step as steps
from autonet.training.batches import ArrayBatches
from autonet.training.function import Replaced, StepFunction
from autonet.training.nonfinite import NonFiniteChecker
from autonet.training.overriding import is_default
from autonet.training.shares import Layout, Shares, Take, Vectors

GROUP = 1 << 18  # numbers of gradients that set out together

LOOKS = 32  # rows by which ranks see that they were given the same data


class Rows:
    """A batch that is not cut yet: (x, y, sample_weight) once somebody asks, as a tuple is asked."""

    def __init__(self, data: Any, at: Any):
        self.data, self.at = data, at

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Any:
        return iter(datas.cut(self.data, self.at))

    def __getitem__(self, n: int) -> Any:
        return datas.cut(self.data, self.at)[n]

    @property
    def size(self) -> int:
        return self.at.stop - self.at.start if isinstance(self.at, slice) else len(self.at)

    def part(self, first: int, last: int) -> Any:
        """Some rows of it."""
        at = self.at
        at = slice(at.start + first, at.start + last) if isinstance(at, slice) else at[first:last]
        return datas.cut(self.data, at)


class Part(Context):
    """Around the computation of a part of a batch, which leaves no trace: what it assigns is told, and put back.

    Args:
        share: of the batch's rows.
        totals: for each mean of a loss that counts weights or masked samples, in order, that count over the whole batch;
            None to find the part's own counts.
        group: the ranks that compute the other parts at the same time, if they do.
    """

    def __init__(self, share: Any, totals: Any, group: Any = None):
        self.share, self.totals, self.group = share, totals, group
        self.first: dict[Any, Tensor] = {}
        self.counts: list[Tensor] = []

    def assigns(self, variable: Any, source: Any = None) -> None:
        if variable not in self.first:
            self.first[variable] = detach(variable._uncast())

    def divisor(self, count: Any) -> Any:
        if count is None:  # the sum over the batch is the shares' mean of sums per share
            return self.share
        self.counts.append(count)
        return count if self.totals is None else self.totals[len(self.counts) - 1] * self.share

    def sums(self, total: Any) -> Any:
        if self.group is None or not isinstance(total, Tensor):
            return None if self.group is None else total
        return add_over_ranks(total)

    def take_back(self) -> dict[Any, tuple[Tensor, Tensor]]:
        """Each Variable that was assigned, with what it was before and what it had become."""
        found = {v: (before, detach(v._uncast())) for v, before in self.first.items()}
        for v, before in self.first.items():
            v.assign(before)
        return found


class DistributedStep(StepFunction):
    """`StepFunction`, with the batch shared out among the ranks."""

    def __init__(self, model: Any, which: str, distributed: Any):
        super().__init__(model, which)
        self.which = which
        self.distribution = distributed
        self.group = distributed.group
        if self.group.size > 1:
            tell_blas(threads())
        self.variables: list[Any] = []  # that a block assigns, in the order in which they were met
        self.numbers: dict[Any, int] = {}  # their places there
        self.together: Any = None  # the ranks, where a layer asks for sums over the whole batch in the midst of a step
        self.met: set[Any] = set()  # kinds and sizes of blocks that all ranks have run together
        self.moved: list[Any] = []  # weights and metrics for which `known` holds
        self.known: dict[Any, Known] = {}  # by what batches have in common, but for the number of rows
        reference = weakref.ref(model)
        self._block = self._compiled(lambda *given: self._run_block(reference(), *given), "block", model, lends=True)
        self._count = self._compiled(lambda *given: self._run_count(reference(), *given), "count", model)
        self._update = self._compiled(lambda *given: self._run_update(reference(), *given), "update", model)
        for name in ("train_step", "test_step", "compute_metrics"):
            if not is_default(model, name):
                raise ArgumentError(
                    f"{model.label} has a {name} of its own, which cannot be shared out among ranks: it sees a part of the "
                    "batch where it expects all. Train without a distribution, or put what it does into layers, losses and metrics."
                )
        if self.trains and getattr(model.optimizer, "needs_function", False):
            raise ArgumentError(
                f"{model.optimizer.name} asks for the loss at weights of its own choice, which a distribution does not offer. "
                "Choose another optimizer, such as Adam, or train without a distribution."
            )

    @staticmethod
    def _compiled(f: Any, name: str, model: Any, lends: bool = False) -> Compiled:
        f.__name__ = name
        found = Compiled(
            f,
            strict=False,
            native=model.jit_compile,
            differentiable=False,
            at_once=True,
            repeats=True,
            lends=lends,
        )
        found.account.ahead = ALWAYS  # whether a block has a plan must not depend on the number of ranks
        return found

    # The loop's side

    def adopt(self, batches: Any) -> None:
        """Let a source of batches leave the cutting to the step; all ranks go through it in rank 0's order."""
        if getattr(batches, "generator", None) is not None:
            batches.generator.state.assign(self.group.broadcast(batches.generator.state.numpy()))
        batches.cut = Rows

    def broadcast(self, value: Any) -> Any:
        return self.group.broadcast(value)

    def agree(self, flag: bool) -> bool:
        return any(self.group.gather(flag))

    def rows(self, batches: Any, number: int, most: int) -> None:
        """No steps in a row: ranks meet after each."""

    def prepare(self, batch: Any) -> bool:
        if self.prepared == structure.version:
            return False
        made = super().prepare(batch)
        self._synchronize()
        self._check_data(batch)
        return made

    def _check_data(self, batch: Any) -> None:
        """See that all ranks were given the same data, by the first and last row of a batch."""
        rows = batch if isinstance(batch, Rows) else Rows(batch, slice(0, datas.length(batch)))
        ends = [rows.part(0, 1), rows.part(rows.size - 1, rows.size)]
        arrays = [a for end in ends for part in end for a in flatten(part) if a is not None]
        own = rows.size, [_digest(a) for a in arrays]
        if any(other != own for other in self.group.gather(own)):
            raise DistributionError(
                "The ranks have different data: all must make or read the same, as with np.random.seed. Each takes its own "
                "rows of every batch by itself."
            )

    def _synchronize(self) -> None:
        """Rank 0's weights, optimizer, metrics and generators on every rank."""
        model: Any = self.model()
        self.together = None
        for layer in model._flatten_layers():
            if getattr(layer, "stateful", False):
                raise ArgumentError(
                    f"{layer.label} is stateful: it remembers rows of a batch, which a distribution shares out. "
                    "Set stateful=False, or train without a distribution."
                )
            if getattr(layer, "synchronized", False):
                if self.distribution.reproducible:
                    raise ArgumentError(
                        f"{layer.label} is synchronized: it needs all blocks of a batch at once, which the same bits for every "
                        "number of ranks do not allow. Say DataParallel(reproducible=False), or set synchronized=False."
                    )
                self.together = self.group if self.group.size > 1 else None
        found = [*model.variables, *[v for m in model.metrics for v in m.variables], seeds.global_generator().state]
        if isinstance(model.optimizer, Optimizer):
            found += model.optimizer.variables
        own = list({id(v): v for v in found}.values())
        sent = self.group.broadcast([(v._array.shape, v._array.dtype.str) for v in own])
        if sent != [(v._array.shape, v._array.dtype.str) for v in own]:
            raise DistributionError(
                f"{model.label} has other weights on rank {self.group.rank} than on rank 0. Build it alike on all ranks."
            )
        for v, array in zip(own, self.group.broadcast([v._array for v in own]), strict=True):
            v.assign(array)
        seeds.set_stream(self.group.broadcast(seeds.get_stream()))
        own = [*_trained(model), *[v for m in model.metrics for v in m.variables]]
        if [id(v) for v in own] != [id(v) for v in self.moved]:
            self.known, self.moved, self.met = {}, own, set()

    # A step

    @property
    def _apart(self) -> bool:
        """Whether there are several machines. On one, those that compute are those that copy: sending early gains nothing."""
        return self.group.local_size < self.group.size

    def _step(self, model: Any, batch: Any, number: int | None) -> Any:
        if isinstance(state.observer, NonFiniteChecker):
            return super()._step(model, batch, number)  # each rank the whole batch, operation by operation
        if self.trains and model._position is not None and model._position.journal is not None:
            model._position.journal.before(batch, number)
        if self.trains:
            model.optimizer.refresh()
        if not isinstance(batch, Rows):
            batch = Rows(batch, slice(0, datas.length(batch)))
        shares = Shares(self.distribution, self.group, batch.size)
        kind = tuple(None if a is None else (a.shape[1:], a.dtype) for part in batch.data for a in flatten(part))
        if kind not in self.known or (self.together is not None and (kind, shares.sizes) not in self.met):
            self.known[kind] = self._meet(model, batch, shares)
            self.met.add((kind, shares.sizes))
        known = self.known[kind]
        totals = self._totals(model, batch, shares, known.counts) if known.counts else None
        starts = {k: self.variables[k].numpy() for k in known.draws}

        def run(block: int, take: Take) -> None:
            for k, start in starts.items():
                self.variables[k].assign(start + np.array([0, block * known.draws[k]], np.uint32))
            early: list[int] = []  # groups that come before the end

            def take_early(g: int, arrays: list[np.ndarray]) -> None:
                early.append(g)
                take(g, arrays)

            rows = batch.part(*shares.ranges[block])
            with waiting(take_early) if self._apart and self.together is None else nullcontext():
                grads, changes, _ = self._call(self._block, model, *rows, shares.share(block), totals)
            for g in range(len(early), len(known.groups)):
                take(g, [(grads[k] if k >= 0 else changes[~k])._value for k in known.groups[g]])

        total = shares.add_up(run, known.layout)
        for k, start in starts.items():
            self.variables[k].assign(start + np.array([0, shares.blocks * known.draws[k]], np.uint32))
        self._call(self._update, model, *known.split(total))
        known.layout.give(total)
        return None

    def _call(self, function: Compiled, model: Any, *given: Any) -> Any:
        given = tuple([datas.as_tensors(g) for g in given])
        return function.f(*given) if self._eager(model) else function(*given)

    def _meet(self, model: Any, batch: Rows, shares: Shares) -> Known:
        """What the blocks of such a batch give, found by running one of them."""
        if self.together is not None and 0 in shares.sizes:
            raise ArgumentError(
                f"A synchronized layer needs rows on every rank; received a batch of {batch.size} for {self.group.size}. "
                "Drop it, or start fewer ranks."
            )
        for size in (
            shares.sizes if self.together is not None else shares.sizes[-1:]
        ):  # each captured everywhere at once
            block = batch.part(0, size)
            counts = len(self._call(self._count, model, *block, 1.0))
            grads, changes, _ = self._call(self._block, model, *block, 1.0, [1.0] * counts if counts else None)
        self._check_metrics(model, *block)
        draws = {k: int(c.numpy()[1]) for k, c in changes.items() if _is_generator(self.variables[k])}
        groups = _groups(grads) if self._apart else [[k for k, g in enumerate(grads) if g is not None]]
        groups[-1] += [~k for k in changes if k not in draws]
        like = [[grads[k] if k >= 0 else changes[~k] for k in group] for group in groups]
        return Known(counts, draws, len(grads), groups, Layout(like))

    def _check_metrics(self, model: Any, *batch: Any) -> None:
        """Refuse a metric from outside the package whose state is no sum: a second look must double the first."""
        foreign = [m for m in model.metrics if not type(m).__module__.startswith("autonet.")]
        if not foreign:
            return
        x, y, weight = (datas.as_tensors(part) for part in batch)
        looks = []
        with Part(1.0, None, self.together) as part, no_grad():
            for metric in model.metrics:
                metric.reset_state()
            y_pred, loss = self._forward(model, x, y, weight)
            for _ in range(2):
                steps.update_metrics(model, x, y, y_pred, weight, loss)
                looks.append([[v.numpy() for v in m.variables] for m in foreign])
            part.take_back()
        for metric, once, twice in zip(foreign, *looks, strict=True):
            if not all(np.allclose(2 * a, b, rtol=1e-3, equal_nan=True) for a, b in zip(once, twice, strict=True)):
                raise ArgumentError(
                    f"The metric {metric.name!r} keeps a state that is no sum over rows, so what ranks gather cannot be added "
                    "up. Keep sums and counts in it, or train without a distribution."
                )

    def _totals(self, model: Any, batch: Rows, shares: Shares, count: int) -> list[float]:
        """What the batch's means of losses are over, where that is a matter of weights and masks."""

        def run(block: int, take: Take) -> None:
            counts = self._call(self._count, model, *batch.part(*shares.ranges[block]), 1.0)
            take(0, [np.array(float(c)) for c in counts])

        return [float(c) for c in shares.add_up(run, Layout([[np.array(0.0)] * count])).views[0]]

    # The compiled parts: functions of the batch, and of Variables

    def _forward(self, model: Any, x: Any, y: Any, sample_weight: Any) -> Any:
        if self.trains:
            return steps.forward(model, x, y, sample_weight)
        model._clear_losses()
        with no_grad():
            y_pred = model(x, training=False)
            return y_pred, steps.loss_of(model, x, y, y_pred, sample_weight, training=False)

    def _run_count(self, model: Any, x: Any, y: Any, sample_weight: Any, share: Any) -> list[Tensor]:
        with Part(share, None, self.together) as part, no_grad():
            self._forward(model, x, y, sample_weight)
            part.take_back()
        return [detach(c) for c in part.counts]

    def _run_block(self, model: Any, x: Any, y: Any, sample_weight: Any, share: Any, totals: Any) -> Any:
        """Gradients of the block's share of the loss, changes of Variables by number among `self.variables`, and what comes of
        handing over all groups of gradients but the last."""
        grads: list[Any] = []
        with Part(share, totals, self.together) as part:
            with no_grad():
                for metric in model.metrics:
                    metric.reset_state()
            y_pred, loss = self._forward(model, x, y, sample_weight)
            if self.trains and _trained(model):
                grads = steps.gradients_of(model.optimizer, loss, _trained(model), share)
            with no_grad():
                steps.update_metrics(model, x, y, y_pred, sample_weight, loss)
                changes = self._changes(model, part.take_back(), share)
                told = [wrap(np.zeros(()))]
                for g, group in enumerate(_groups(grads)[:-1]):
                    told.append(hand_over(told[-1], *[grads[k] for k in group], group=g))
        return grads, changes, told

    def _changes(self, model: Any, assigned: Any, share: Any) -> dict[int, Tensor]:
        """What each Variable that was assigned gains by the block: sums in metrics, a share of a mean elsewhere."""
        gathered = {id(v) for m in model.metrics for v in m.variables}
        found: dict[int, Tensor] = {}
        for v, (before, after) in assigned.items():
            if v not in self.numbers:
                self.numbers[v] = len(self.variables)
                self.variables.append(v)
            change = after if id(v) in gathered else after - before
            if id(v) not in gathered and not _is_generator(v):
                if v.dtype.kind != "f":
                    raise ArgumentError(
                        f"{model.label} assigns {v.path!r} in a step, which holds {v.dtype}: what blocks of a batch make of "
                        "it cannot be averaged. Keep it as a float, or train without a distribution."
                    )
                change = change * share
            found[self.numbers[v]] = change
        return found

    def _run_update(self, model: Any, grads: Any, changes: Any) -> None:
        with no_grad():
            for k, change in changes.items():
                self.variables[k].assign_add(change)
            if grads:
                model.optimizer.apply(grads, _trained(model))


class DistributedPrediction(StepFunction):
    """A step of `predict`, whose batches the ranks share: each runs some in a row, and all get the outputs of all.

    A batch is run as one process runs it, so no bit depends on who has it. Each rank predicts the whole where a step leaves
    something behind (draws, states of stateful layers), where batches are made one by one, and where ranks ask for
    different things: other rows, or other weights.
    """

    def __init__(self, model: Any, distributed: Any):
        super().__init__(model, "predict")
        self.distribution = distributed
        self.group = distributed.group
        self.met = -1  # the version of the structure for which `leaves` is known
        self.leaves = False  # whether a step assigns Variables
        self.compiled = Compiled(
            self.run,
            strict=False,
            native=model.jit_compile,
            differentiable=False,
            at_once=True,
            repeats=not self.custom,
        )
        self.compiled.account.ahead = ALWAYS
        if self.group.size > 1:
            tell_blas(threads())

    @contextmanager
    def expecting(self, batches: Any, epochs: int = 1) -> Iterator[None]:
        yield

    def share(self, batches: Any) -> tuple[Any, Callable[[Any], Any]]:
        whole = super().share(batches)
        ranks, rank = self.group.size, self.group.rank
        if ranks == 1 or not isinstance(batches, ArrayBatches) or batches.steps < ranks or state.observer is not None:
            return whole
        if self._leaves_something(batches.batch(0)):
            return whole
        size, steps = batches.batch_size, batches.steps
        some = np.unique(np.linspace(0, batches.size - 1, LOOKS).astype(np.int64))
        arrays = [a for part in datas.cut(batches.data, some) for a in flatten(part) if a is not None]
        own = batches.size, size, steps, [_digest(a) for a in arrays], [_digest(v._array) for v in self._variables()]
        if any(other != own for other in self.group.gather(own)):
            return whole
        first, last = rank * steps // ranks * size, min((rank + 1) * steps // ranks * size, batches.size)
        part = ArrayBatches(datas.part(batches.data, first, last), size, False, None, False)
        return part, lambda found: map_structure(self.group.concatenate, found)

    def _variables(self) -> list[Any]:
        return self.model().variables  # type: ignore[union-attr]

    def _leaves_something(self, batch: Any) -> bool:
        if self.met != structure.version:
            self.prepare(batch)
            with Replaced({}) as replaced:
                self.run(*[datas.as_tensors(part) for part in batch])
            replaced.put_back()
            self.met, self.leaves = structure.version, bool(replaced.first)
        return self.leaves


class Known(NamedTuple):
    """What blocks of one kind give."""

    counts: int  # how many means of losses count weights or masked samples
    draws: dict[int, int]  # by generator, as a number among the step's variables
    grads: int  # how many gradients, None among them
    groups: list[list[int]]  # of numbers of gradients, and of Variables that change as ~number
    layout: Layout

    def split(self, vectors: Vectors) -> tuple[list[Any], dict[int, Any]]:
        """Gradients and changes, as Tensors over the vectors' memory."""
        grads: list[Any] = [None] * self.grads
        changes: dict[int, Any] = {}
        for group, views in zip(self.groups, vectors.views, strict=True):
            for k, here in zip(group, views, strict=True):
                if k >= 0:
                    grads[k] = wrap(here)
                else:
                    changes[~k] = wrap(here)
        return grads, changes


def _groups(grads: Sequence[Tensor | None]) -> list[list[int]]:
    """Numbers of gradients that set out together: of the last layers first, as they come in the walk back."""
    groups: list[list[int]] = [[]]
    size = 0
    for k in reversed(range(len(grads))):
        if (g := grads[k]) is None:
            continue
        if size >= GROUP:
            groups.append([])
            size = 0
        groups[-1].append(k)
        size += g.size
    return groups


def _digest(array: np.ndarray) -> Any:
    """What tells arrays apart."""
    if array.dtype.kind in "OU":
        return array.shape, str(array.dtype), zlib.crc32(repr(array.tolist()).encode())
    return array.shape, str(array.dtype), zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _trained(model: Any) -> list[Any]:
    return [v for v in model.trainable_variables if v.requires_grad]


def _is_generator(variable: Any) -> bool:
    return variable._array.dtype == np.uint32 and variable.name == "seed_generator_state"

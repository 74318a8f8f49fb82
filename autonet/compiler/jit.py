"""jit: a function that is captured at its first call for each signature, and replayed after that (entry.py)."""

import functools
import threading
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

import numpy as np

from autonet.common.complex_numbers import refuse_complex
from autonet.common.lines import filters_traceback, warn
from autonet.common.trees import flatten, map_structure
from autonet.common.types import Explanation
from autonet.compiler.account import KNOWN, Account, NotCompiled
from autonet.compiler.capture import CaptureError, Recorder, capture
from autonet.compiler.entry import Entry
from autonet.compiler.replayed import Call
from autonet.compiler.signature import Reader, is_array, is_numeric, places_of, with_readings
from autonet.compiler.sketch import NumbersNeeded, Sketch
from autonet.compiler.texts import Reading, run_all, run_rows
from autonet.compiler.ways import REASONS, Ways
from autonet.core.state import state
from autonet.core.tensor import Tensor, WeakScalar, convert_to_tensor
from autonet.gradients.scope import DifferentiationScope

LENGTHS = 8  # plans of one signature for texts that become rows of other lengths; further ones run eagerly


P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Q = ParamSpec("Q")


class Compiled(Generic[P, R]):
    """A function with its plans; `jit` makes it.

    Args:
        f: the function.
        static: positions and names of arguments whose value, rather than shape, belongs to the signature.
        strict: whether Python that looks at a value is an error; otherwise the function runs eagerly and says so once.
        native: True, False or "auto": whether plans may be machine code.
        differentiable: whether a caller may want the gradient of the result; such calls run eagerly.
        at_once: let the plan do the captured call itself, after putting Variables back, rather than the next one: then
            every call gives a plan's bits, and a run that is interrupted and resumed ends in the same ones.
        lends: results are good until the next call of the same signature, which writes its own in their place.
        repeats: with at_once, a first run that made something (metrics) may be undone and come again like any other.
    """

    def __init__(
        self,
        f: Callable[P, R],
        static: tuple[Any, ...] = (),
        strict: bool = True,
        native: Any = "auto",
        differentiable: bool = True,
        at_once: bool = False,
        repeats: bool = False,
        lends: bool = False,
    ):
        self.f = f
        self.at_once = at_once
        self.repeats = repeats
        self.lends = lends
        self.static = places_of(f, static)
        self.strict = strict
        self.native = native
        self.differentiable = differentiable
        self.entries: OrderedDict[Any, Entry] = OrderedDict()
        self.readings: OrderedDict[Any, list[Reading]] = OrderedDict()  # by the signature as far as arguments tell it
        self.last: Entry | None = None
        self.account = Account()
        self.ways = Ways()
        self._lock = threading.RLock()
        self.refused: str | None = None  # why the last call could not be captured
        self._warned: set[str] = set()  # reasons
        functools.update_wrapper(self, f, updated=())  # f may be an object with attributes of its own

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if state.observer is not None or (state.contexts and any(c.eager for c in state.contexts)):
            if state.observer is not None and not state.observer.replays:
                return self._eagerly("watched", args, kwargs)  # somebody looks for NaN
            # part of an outer capture; or Variables are of another dtype for a while
            self.ways.took("rehearsed" if state.observer is None else "nested")
            return self.f(*args, **kwargs)
        reader = Reader(self.static)
        for place, argument in (*enumerate(args), *sorted(kwargs.items())):
            reader.read(place, argument)
        if reader.foreign:
            refuse_complex("jit", [*args, kwargs])
            return self._eagerly("foreign", args, kwargs)
        if reader.tracked and state.recording:  # a result to be differentiated: only the eager run is recorded
            return self._eagerly("tracked", args, kwargs)
        key = signature = (state.training, state.recording, *reader.key)
        inputs = reader.inputs
        readings = self.readings.get(signature) if reader.texts else None
        if readings:
            inputs = run_all(readings, reader.texts, inputs)
            key = with_readings(signature, readings, inputs)
            if key not in self.entries and self._too_many_lengths(signature, readings):
                return self._eagerly("lengths", args, kwargs)
        entry = self._find(key)
        if entry is None:
            with self._lock:
                entry = self._find(key)  # another thread may have been faster
                if entry is None and self.account.allows(key, key in self.entries):
                    return self._capture(signature, reader, args, kwargs)
        if entry is None and not reader.texts:  # without the lock, which captures need
            self._take(self._why(key))
            if reader.all_tensors:
                return _strong(self.f(*args, **kwargs))
            return self._plainly(self._own(reader), reader, args, kwargs)
        if entry is None:
            return self._eagerly(self._why(key), args, kwargs)
        if entry.obstacle is not None:
            return self._eagerly("obstacle", args, kwargs)
        call = None
        if entry.tracked and state.recording:
            if reader.texts or any(isinstance(c, DifferentiationScope) for c in state.contexts):
                return self._eagerly("tracked", args, kwargs)
            call = self._call(entry, reader, args, kwargs)
            if call is None:
                return self._eagerly("closure", args, kwargs)
        try:
            result = entry.run(inputs, self.native)
        except NotCompiled:
            self.entries.pop(key, None)
            self.account.refuse(key)
            return self._eagerly("shapes", args, kwargs)
        if call is not None:
            call.record(result, entry.tracked)
        self.last = entry
        self.ways.last = None
        self.account.hits += 1
        return result

    if TYPE_CHECKING:

        @overload
        def __get__(self, thing: None, owner: Any = None) -> Self: ...
        @overload
        def __get__(self: "Compiled[Concatenate[T, Q], R]", thing: T, owner: Any = None) -> Callable[Q, R]: ...

    def __get__(self, thing: Any, owner: Any = None) -> Any:
        """As a method, whose plans belong to the object that it is called on."""
        return self if thing is None else types.MethodType(self, thing)

    def _find(self, key: Any) -> Entry | None:
        with self._lock:
            entry = self.entries.get(key)
            if entry is None or not entry.guards.hold():
                return None
            self.entries.move_to_end(key)
            return entry

    def _why(self, key: Any) -> str:
        """Why a call goes operation by operation for which no plan was paid."""
        return "unsettled" if self.account.useless else "changed" if key in self.entries else "shapes"

    def _call(self, entry: Entry, reader: Reader, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        """This call, to be repeated if somebody asks for a derivative; None if the record leads on to other Tensors."""
        if entry.leaves is None:
            return None
        arrays = [a.copy() for a in reader.inputs]  # the caller may change them
        return Call(
            lambda: self._plainly([a.view() for a in arrays], reader, args, kwargs),
            entry.variables,
            list(entry.captured.writes),
            entry.leaves,
        )

    def _take(self, reason: str) -> None:
        """A call is going operation by operation, which is said once unless it is meant to be so."""
        self.ways.took(reason)
        message = self.ways.warning(reason, self.account.hits)
        if message is not None:
            self._warn(reason, message)

    def _eagerly(self, reason: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function itself, on Tensors wherever a captured run gets them; the reason is one of REASONS."""
        self._take(reason)

        def exchange(place: Any, argument: Any) -> Any:
            if place in self.static:
                return argument
            return map_structure(lambda x: convert_to_tensor(x) if is_array(x) and is_numeric(x) else x, argument)

        named = {k: exchange(k, v) for k, v in kwargs.items()}
        return self.f(*[exchange(i, a) for i, a in enumerate(args)], **named)

    def _too_many_lengths(self, signature: Any, readings: list[Reading]) -> bool:
        """Whether texts of this signature became rows of so many lengths already that another plan is not worth it."""
        varying = [r.layer.label for r in readings if r.varies]
        if not varying or sum(key[0] == signature for key in list(self.entries)) < LENGTHS:
            return False
        self._warn(
            "lengths",
            f"{varying[0]} gives rows of another length for each batch, so most steps run operation by operation. "
            "Set its output_sequence_length, so that all steps are compiled.",
        )
        return True

    def _warn(self, reason: str, message: str) -> None:
        if reason not in self._warned:
            self._warned.add(reason)
            warn(message)

    def _say_drawn(self, recorder: Recorder) -> None:
        """Random numbers of others would stay those of the recorded run: a step runs without a record then."""
        advice = "Draw from autonet.random with a SeedGenerator, or pass the numbers in"
        if self.strict:
            self._warn("drawn", f"{recorder.drawn}, and further calls repeat those of this one. {advice}.")
        else:
            recorder.obstacle = recorder.obstacle or f"{recorder.drawn}, which a captured step would repeat. {advice}."

    def _plainly(self, arrays: list[np.ndarray], reader: Reader, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function itself, as it is captured: on these arrays in the place of the reader's."""
        rest = iter([arrays[k] for k in reader.places])
        new = [reader.exchange(i, a, rest) for i, a in enumerate(args)]
        named = {k: reader.exchange(k, kwargs[k], rest) for k in sorted(kwargs)}
        return _strong(self.f(*new, **{k: named[k] for k in kwargs}))

    def _own(self, reader: Reader) -> list[np.ndarray]:
        """The arrays of a call that runs as it is: a record keeps its own, since the caller may change an array later."""
        kept = self.differentiable and state.recording and not reader.all_tensors
        return [a.copy() if kept else a.view() for a in reader.inputs]

    @filters_traceback
    def _capture(
        self, signature: Any, reader: Reader, args: tuple[Any, ...], kwargs: dict[str, Any], again: bool = False
    ) -> Any:
        sketched = self._sketch(reader, args, kwargs) if self.at_once and self.repeats and not again else None
        if sketched is not None:
            recorder, result = sketched
        else:
            recorder, self.refused = Recorder(self.strict), None
            try:
                result = self._record(recorder, reader, args, kwargs)
            except BaseException as error:
                self.refused = str(error) if isinstance(error, CaptureError) else None
                if self.at_once:
                    recorder.take_back()  # a step that fails half-way, as in a metric after the update, has not happened
                raise
        if recorder.made or recorder.changed:  # this was an eager run: the next one finds what it made, and is captured
            if self.repeats and not (again or recorder.changed or recorder.obstacle):
                recorder.take_back()
                return self._capture(signature, reader, args, kwargs, again=True)
            if self.account.unsettled():
                self._warn(
                    "unsettled",
                    f"This step runs operation by operation, since {recorder.changed or 'it makes Variables'} in every "
                    "run, which replays would not do. Make things once, and let a Variable hold what changes.",
                )
            self.ways.took("unsettled")
            return result
        if recorder.drawn is not None:
            self._say_drawn(recorder)
        if recorder.obstacle is not None:
            self._warn(
                "obstacle",
                f"This step runs operation by operation, since it cannot be captured. {recorder.obstacle}",
            )
        key = signature
        if reader.texts:
            self.readings[signature] = [] if recorder.obstacle else recorder.readings
            while len(self.readings) > KNOWN:
                self.readings.popitem(last=False)
        if recorder.readings and not recorder.obstacle:
            key = with_readings(signature, recorder.readings, recorder.arrays)
        entry = Entry(recorder, result, [_held(x, self, key) for x in reader.held], self.differentiable)
        entry.may_compile = self.account.charge(key, entry.captured, key in self.entries)
        entry.compiled = self.account.compiled
        entry.lends = self.lends
        if self.at_once and entry.obstacle is None:
            try:
                entry.build(self.native)
            except NotCompiled:
                self.account.refuse(key)
                if sketched is not None:
                    return self._eagerly("shapes", args, kwargs)
                self.ways.took("shapes")
                return result
            if sketched is None:
                recorder.take_back()
            result = entry.run(recorder.arrays, self.native)
        self.ways.took("obstacle" if entry.obstacle else None)
        self.entries[key] = entry
        self.entries.move_to_end(key)
        self.last = entry
        self.account.trim(self.entries)
        return result

    def _record(self, recorder: Recorder, reader: Reader, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function's result in a captured run."""
        recorder.chance.meet(self.f)
        reader.text = recorder.text
        arrays = [recorder.input(a) for a in self._own(reader)]
        return capture(recorder, lambda: self._plainly(arrays, reader, args, kwargs))

    def _sketch(self, reader: Reader, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Recorder, Any] | None:
        """A record of a run that is undone already, and its result; None where that takes numbers."""
        recorder = Sketch()
        try:
            with np.errstate(all="ignore"):
                result = self._record(recorder, reader, args, kwargs)
        except (NumbersNeeded, Exception):
            return None  # if there is something to say, the run that comes now does
        finally:
            recorder.take_back()
        return None if recorder.made or recorder.changed or recorder.drawn else (recorder, result)

    def explain(self) -> Explanation:
        """The plan used last: operations, memory, what was joined, the generated code. Prints, and shows in a notebook.

        It says first which way the calls went: by a plan, recorded, or operation by operation, and why.

        Raises: NotBuiltError before the first call, and where none was of use for a plan.
        """
        from autonet.compiler.explain import Explanation
        from autonet.errors import NotBuiltError

        entry = self.last
        if entry is None:
            if self.refused is not None:
                raise NotBuiltError(f"There is no plan, since the last call could not be captured. {self.refused}")
            if self.ways.eager:
                raise NotBuiltError(f"There is no plan. Calls so far: {self._calls()}.")
            raise NotBuiltError("There is no plan yet: call the function (or fit, evaluate, predict) first.")
        if entry.obstacle is not None:
            raise NotBuiltError(
                f"There is no plan, since the function cannot be captured. {entry.obstacle} Calls so far: {self._calls()}."
            )
        with entry.lock:
            if entry.plan is None:
                entry.build(self.native)
        return Explanation(getattr(self.f, "__name__", "function"), entry.captured, entry.plan, self._facts())

    def _calls(self) -> str:
        return self.ways.told(self.account.hits)

    def _facts(self) -> list[tuple[str, str]]:
        facts = [("calls", self._calls())]
        if self.ways.last is not None:
            facts.append(("the last call", f"not by this plan, since {REASONS[self.ways.last].why}"))
        return facts

    def repeatable(
        self, data: tuple[Any, ...], batch: int, read: dict[Any, Any]
    ) -> Callable[[Any, int, int], None] | None:
        """A function of (order of the rows or None, first row, steps) that runs steps on consecutive batches of `data`.

        None where the plan used last is not for such batches, gives something back, or has Python in it.

        Args:
            read: for this function alone, of these data: keeps what texts became.
        """
        leaves = [a for a in flatten(data) if a is not None]
        entry = self.last
        if entry is None or entry.plan is None or not entry.plan.repeats or entry.template is not None:
            return None
        if entry.readings:
            if entry not in read:
                read.clear()
                read[entry] = run_rows(entry.readings, leaves, entry.captured.inputs)
            leaves = read[entry]
            if leaves is None:
                return None
        wanted = [(v.shape, v.dtype) for v in entry.program.inputs]  # type: ignore[union-attr]
        if [((batch, *a.shape[1:]), a.dtype) for a in leaves] != wanted or not entry.guards.hold():
            return None
        if not all(a.flags.c_contiguous for a in leaves):
            return None

        def run(order: np.ndarray | None, first: int, steps: int) -> None:
            order = None if order is None else np.ascontiguousarray(order, np.int64)
            with entry.lock:
                entry.plan.run_rows(leaves, order, first, steps)
            self.account.hits += steps

        return run

    def clear(self) -> None:
        """Forget all plans; the next call captures anew."""
        with self._lock:
            self.entries.clear()
            self.readings.clear()
            self.last = None
            self.account = Account()
            self.ways = Ways()


def _strong(result: Any) -> Any:
    if type(result) is Tensor or result is None:
        return result
    return map_structure(lambda x: x.to_strong() if type(x) is WeakScalar else x, result)


def _held(x: Any, compiled: Compiled, key: Any) -> Any:
    """What keeps a key that knows `x` by its address from meaning another object: when `x` goes, so does the plan."""
    owner = weakref.ref(compiled)

    def gone(_: Any) -> None:
        alive = owner()
        if alive is not None:
            alive.entries.pop(key, None)

    try:
        return weakref.ref(x, gone)
    except TypeError:
        return x


@overload
def jit(
    f: Callable[P, R],
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    native: bool | str = "auto",
) -> Compiled[P, R]: ...
@overload
def jit(
    f: None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    native: bool | str = "auto",
) -> Callable[[Callable[P, R]], Compiled[P, R]]: ...
def jit(
    f: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    native: bool | str = "auto",
) -> Compiled | Callable[[Callable[..., Any]], Compiled]:
    """Make `f` fast: its first call for each signature runs as it is and is recorded; later calls replay the record.

    The signature is made of the structure, shapes and dtypes of the arguments, and of the values of those that are not
    numbers or arrays. The first shapes have plans at once; where many come in turn, those that come again have, as far as
    other runs have paid for them. `.clear()` forgets all, `.explain()` shows the last one. Variables may be read, assigned
    and made (the call that makes them is not the one that is recorded). What else `f` finds outside itself (arrays, numbers) is fixed by
    the recorded call, and what else it does besides computing (printing, appending to lists) happens in that call only.
    So do draws from NumPy's and Python's generators, of which a warning tells, and what no warning can tell of: clocks
    (time.time, datetime.now), uuid, os.urandom, generators made inside f. Chance comes from `autonet.random`.

    A replay leaves no record: put `grad` inside. Inside a `grad`, and where an argument is tracked, the function runs
    operation by operation. If a result that depends on trained Variables is differentiated later, it runs once more for that.

    Args:
        f: function of Tensors, arrays and numbers, in nested lists, tuples and dictionaries.
        static_argnums, static_argnames: arguments whose value belongs to the signature, such as a number of loops.
        native: True, False or "auto": whether generated C may be used.

    Raises: CaptureError, from the call, where Python looks at a value that is not known before the run (`if x > 0`).

    >>> step = jit(lambda x, y: x * x + y)
    >>> [step(3.0, y).item() for y in (4.0, 5.0)]
    [13.0, 14.0]
    """
    if f is None:
        return functools.partial(jit, static_argnums=static_argnums, static_argnames=static_argnames, native=native)
    places = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    return Compiled(f, places + names, True, native)

"""How far a long loop has come: a tqdm bar in a terminal and in Jupyter, plain lines in a pipe.

`Progbar` draws at most ten times a second; a loop that has ended leaves one plain line.
Between two drawings it costs one comparison, and a caller that must not pay even for that call asks `due`, the first
step whose report can change the picture.
"""

import importlib
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from typing import IO, Any

from autonet.common.lines import warn

INTERVAL = 0.1  # seconds between two drawings: nobody reads faster
PLAIN_INTERVAL = 10.0  # seconds between two lines of one unfinished loop in a pipe or a log file

_bars: dict[type[Any], type[Any]] = {}


def bar_class() -> type[Any]:
    """tqdm's bar for this place (terminal or Jupyter), imported when first asked for, without its watching thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tqdm warns where Jupyter lacks ipywidgets, then draws text: that is fine here
        parent = importlib.import_module("tqdm.auto").tqdm
    if parent not in _bars:
        _bars[parent] = type("Bar", (parent,), {"monitor_interval": 0})
    return _bars[parent]


def in_notebook() -> bool:
    """Whether the code runs in a Jupyter kernel, whose output can be redrawn although it is no terminal."""
    shell = sys.modules.get("IPython")
    ipython = shell.get_ipython() if shell is not None and hasattr(shell, "get_ipython") else None
    return ipython is not None and "IPKernelApp" in getattr(ipython, "config", {})


def can_redraw(stream: Any = None) -> bool:
    """Whether `stream` (default: standard output) shows a line that is drawn over again."""
    stream = sys.stdout if stream is None else stream
    try:
        return bool(stream.isatty()) or in_notebook()
    except (AttributeError, ValueError):  # no such method, or a closed stream
        return False


def write(message: str) -> None:
    """Print a line; bars that are open in a terminal stay below it."""
    if _bars and not in_notebook():
        bar_class().write(message, file=sys.stdout)  # type: ignore[attr-defined]
    else:
        print(message, flush=True)


def format_value(value: Any) -> str:
    """A measured value in few characters: 4 decimals, or an exponent when that would hide it."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{number:.4f}" if number == 0 or 1e-3 < abs(number) < 1e5 or number != number else f"{number:.4e}"


def format_seconds(seconds: float) -> str:
    """A duration in the two largest units that matter: 350us, 12ms, 4s, 3m05s, 2h07m."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f}us"
    if seconds < 1:
        return f"{seconds * 1e3:.0f}ms"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


class Progbar:
    """Progress of one loop, with the values measured so far.

    Args:
        target: number of steps expected, or None when unknown.
        width: columns of the bar itself in a terminal (0: as tqdm likes).
        verbose: 0 silent, 1 a bar (plain lines where the output cannot be redrawn), 2 one line at the end.
        interval: seconds between two drawings, at least 0.1.
        stateful_metrics: names whose last value is shown as it is.
        stateless_metrics: names whose mean over the steps is shown. With neither given, all are averaged.
        unit_name: what a step is called.
        title: text before the bar, for example "Epoch 1/3".
        stream: where to write (default: standard output at the time of writing).
        rate: steps per second to expect, such as the `rate` of the last loop's bar; it saves early looks.

    >>> bar = Progbar(3, verbose=2)
    >>> for step in range(3):
    ...     bar.update(step + 1, [("loss", 1.0)])    # doctest: +ELLIPSIS
    3/3 - 0s - ...us/step - loss: 1.0000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = INTERVAL,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
        title: str = "",
        stream: IO[str] | None = None,
        rate: float = 0.0,
    ):
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = max(interval, INTERVAL)
        self.unit_name = unit_name
        self.title = title
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._stream = stream
        self._sums: dict[str, tuple[float, int]] = {}
        self._last: dict[str, Any] = {}
        self._bar: Any = None
        self._finished = False
        self._seen_so_far = 0
        self._start = self._drawn_at = time.perf_counter()
        self._redraws = bool(verbose == 1) and can_redraw(stream)
        self._gap = self.interval if self._redraws else PLAIN_INTERVAL
        self.rate = rate
        self.due = self._next(self._gap) if verbose == 1 else (target or sys.maxsize)

    @property
    def seen_so_far(self) -> int:
        """Steps reported so far."""
        return self._seen_so_far

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | Mapping[str, Any] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Report that `current` steps are done, with values to show.

        Args:
            current: number of steps done since the start.
            values: pairs (name, value), or a dict.
            finalize: True ends the display. Default: when `current` reaches `target`.
        """
        done = finalize if finalize is not None else (self.target is not None and current >= self.target)
        if values:
            self._take(values, max(current - self._seen_so_far, 0))
        self._seen_so_far = current
        if self.verbose == 0 or self._finished:
            return
        if done:
            self._finish()
        elif current >= self.due and self.verbose == 1:
            self._look()

    def add(self, n: int, values: Iterable[tuple[str, Any]] | Mapping[str, Any] | None = None) -> None:
        """Report `n` more steps."""
        self.update(self._seen_so_far + n, values)

    def note(self, text: str) -> None:
        """Show `text` where values will stand, until the next drawing; for a wait. Only where the output can be redrawn."""
        if not self._redraws or self._finished:
            return
        if self._bar is None:
            self._bar = self._open_bar()
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        """Leave the display as it is; for a loop that ends early."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._finished = True

    def _take(self, values: Iterable[tuple[str, Any]] | Mapping[str, Any], steps: int) -> None:
        for name, value in values.items() if isinstance(values, Mapping) else values:
            if name in self.stateful_metrics or (
                self.stateless_metrics is not None and name not in self.stateless_metrics
            ):
                self._last[name] = value
                continue
            try:
                total, count = self._sums.get(name, (0.0, 0))
                weight = max(steps, 1)
                self._sums[name] = (total + float(value) * weight, count + weight)
                self._last[name] = None
            except (TypeError, ValueError):
                self._last[name] = value

    def _values(self) -> dict[str, str]:
        shown = {}
        for name, value in self._last.items():
            if value is None and name in self._sums:
                total, count = self._sums[name]
                value = total / count
            shown[name] = format_value(value)
        return shown

    def _look(self) -> None:
        """Draw if it is time, and guess the step at which it will be time again."""
        now = time.perf_counter()
        wait = self._gap - (now - self._drawn_at)
        if wait <= 0:
            self._draw()
            self._drawn_at, wait = now, self._gap
        self._measure(now)
        self.due = self._next(wait)

    def _next(self, wait: float) -> int:
        """Half the way to the step that is expected after `wait` seconds: a loop that slows down is still seen in time."""
        return self._seen_so_far + max(1, int(min(self.rate * wait / 2, 1e9)))

    def _measure(self, now: float) -> None:
        self.rate = self._seen_so_far / max(now - self._start, 1e-9)

    def _draw(self) -> None:
        if not self._redraws:
            self._print(self._line())
            return
        if self._bar is None:
            self._bar = self._open_bar()
        self._bar.set_postfix(self._values(), refresh=False)
        self._bar.update(self._seen_so_far - self._bar.n)
        self._bar.refresh()

    def _open_bar(self) -> Any:
        layout = None if self.width <= 0 else f"{{l_bar}}{{bar:{self.width}}}{{r_bar}}"
        options = {} if in_notebook() else {"bar_format": layout}
        bar = bar_class()(
            total=self.target,
            desc=self.title or None,
            unit=self.unit_name,
            file=self._out(),
            mininterval=self.interval,
            miniters=sys.maxsize,  # this class decides when to draw
            dynamic_ncols=True,
            leave=False,  # when all is done, a line takes its place
            **options,
        )
        bar.start_t = bar.last_print_t = bar._time() - (time.perf_counter() - self._start)
        return bar

    def _finish(self) -> None:
        self._measure(time.perf_counter())
        self.close()
        self._print(self._line())  # alike for long loops, short ones, and in a pipe

    def _line(self) -> str:
        spent = time.perf_counter() - self._start
        steps = self._seen_so_far
        parts = [f"{steps}/{'?' if self.target is None else self.target}"]
        parts.append(format_seconds(spent) if spent >= 1 else f"{spent:.0f}s")
        if steps:
            parts.append(f"{format_seconds(spent / steps)}/{self.unit_name}")
        parts += [f"{name}: {value}" for name, value in self._values().items()]
        if self.title:
            parts.insert(0, self.title)
        return " - ".join(parts)

    def _out(self) -> Any:
        return sys.stdout if self._stream is None else self._stream

    def _print(self, line: str) -> None:
        stream = self._out()
        if stream is None:  # a program without standard output
            return
        try:
            stream.write(line + "\n")
            stream.flush()
        except BrokenPipeError:  # nobody reads on: as with print
            raise
        except OSError as problem:  # a full disk is no reason to end what is being reported on
            self.verbose = 0
            warn(f"Progress cannot be written ({problem.strerror}); going on without.")

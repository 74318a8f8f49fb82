"""Pictures of a training, drawn with matplotlib (extra `plot`)."""

import io
from typing import Any

import numpy as np

TITLES = {  # quantity of a TrainingMonitor to the name of its axis, and whether it is drawn on a log scale
    "gradient": ("gradient norm |g|", True),
    "update": ("update / weight |w' - w| / |w|", True),
    "saturated": ("saturated units (share)", False),
    "dead": ("dead relus (share)", False),
    "mean": ("mean of results", False),
    "std": ("spread of results (std)", True),
}
COLORS = {"-": "#006ba4", "--": "#ff800e"}  # blue and orange: apart in print, and to the colour-blind
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib Figure, in inches, that a notebook shows as a picture also where pyplot was never imported."""
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A Figure that knows how to show itself."""

        def _repr_png_(self) -> bytes:
            drawn = io.BytesIO()
            self.savefig(drawn, format="png", dpi=100)
            return drawn.getvalue()

    return Picture(figsize=(width, height), layout="constrained")


def layer_curves(history: Any) -> Any:
    """A matplotlib Figure of a `LayerHistory`: a picture for each quantity that any layer has, against the steps.

    Lines go from dark (the first layer) to light (the last), with markers and dashes, so that they can be told apart in
    print.
    """
    import matplotlib

    shown = [q for q in TITLES if any(not np.isnan(own[q]).all() for own in history.values())]
    columns = min(3, max(len(shown), 1))
    rows = max(-(-len(shown) // columns), 1)
    deep = 0.21 * len(history) + 0.3  # inches of the legend
    figure = new_figure(4.0 * columns + 2.2, max(2.7 * rows, min(deep, 8.0)))
    colors = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, max(len(history), 1)))
    lines: dict[str, Any] = {}
    for n, quantity in enumerate(shown):
        axes = figure.add_subplot(rows, columns, n + 1)
        title, logarithmic = TITLES[quantity]
        for i, (name, own) in enumerate(history.items()):
            there = np.isfinite(own[quantity]) & ((own[quantity] > 0) | (not logarithmic))
            if there.any():
                x, y = history.step[there] + 1, own[quantity][there]
                (line,) = axes.plot(x, y, color=colors[i], linewidth=1.3, markersize=3.5, markevery=-(-len(x) // 12))
                line.set(linestyle=STYLES[i % len(STYLES)], marker=MARKERS[i % len(MARKERS)])
                lines.setdefault(name, line)
        if logarithmic and axes.lines:
            axes.set_yscale("log")
        if quantity in ("saturated", "dead"):
            axes.set_ylim(-0.04, 1.04)
        axes.set(xlabel="training step", ylabel=title)
        axes.grid(alpha=0.3)
    named = [name for name in history if name in lines]
    named = named[:: max(-(-len(named) // 36), 1)]
    if named:
        handles = [lines[name] for name in named]
        figure.legend(handles, named, loc="outside right upper", frameon=False, fontsize=8)
    return figure


def curves(history: Any, names: Any, epochs_of: Any = None, width: float = 4.2, height: float = 2.8) -> Any:
    """A matplotlib Figure with a picture for each name: training and, where there is one, validation, against the epoch.

    Args:
        history: name to values, an epoch each, as in `History.history`.
        epochs_of: name to the numbers of those epochs, from 0; by default all of them.
        width, height: of a picture, in inches.
    """
    columns = max(min(len(names), 4), 1)
    rows = -(-len(names) // columns)
    figure = new_figure(width * columns, height * max(rows, 1))
    for n, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, n + 1)
        for key, label, style in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
            if values := history.get(key):
                epochs = (epochs_of or {}).get(key, range(len(values)))
                mark = "o" if len(values) == 1 else None
                color = COLORS[style]
                axes.plot([epoch + 1 for epoch in epochs], values, style, color=color, marker=mark, label=label)
        axes.set(xlabel="epoch", ylabel=name.replace("_", " "))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    return figure

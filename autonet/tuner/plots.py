"""Pictures of a search. They need matplotlib: extra `plot`."""

import math
from typing import Any

import numpy as np

from autonet.errors import ArgumentError
from autonet.tuner.scales import Scale
from autonet.tuner.trial import Outcome, rank

MOST_PANELS = 4  # side by side


def against_each(result: Any) -> Any:
    """A Figure with a panel for each parameter: scores against it, on its scale; a star marks the best trial."""
    from matplotlib.figure import Figure

    trials = _scored(result)
    scales = result.space.scales
    columns = min(len(scales), MOST_PANELS)
    rows = math.ceil(len(scales) / columns)
    figure = Figure(figsize=(2.8 * columns + 0.6, 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    scores = [o.score for o in trials]
    for n, axes in enumerate(grid.flat):
        if n >= len(scales):
            axes.set_visible(False)
            continue
        name = list(scales)[n]
        scale = scales[name]
        positions = [scale.position(o.parameters[name]) for o in trials]
        axes.plot(positions, scores, "o", alpha=0.6, markersize=5)
        axes.plot(positions[:1], scores[:1], "*", markersize=14, markeredgecolor="black")
        axes.set(xlabel=name.replace("_", " "), xlim=(-0.05, 1.05))
        ticks, texts = _ticks(scale)
        axes.set_xticks(ticks, texts, rotation=30 if sum(map(len, texts)) > 20 else 0)
        axes.margins(y=0.12)  # so that the star is whole
        axes.grid(alpha=0.3)
        if n % columns == 0:
            axes.set_ylabel(_score(result))
    return figure


def parallel(result: Any) -> Any:
    """A Figure of parallel coordinates: each trial a line through its parameters to its score; better ones are darker, on top."""
    import matplotlib
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    trials = _scored(result)
    scales = result.space.scales
    scores = np.array([o.score for o in trials])
    low, high = float(scores.min()), float(scores.max())
    span = high - low or 1.0
    figure = Figure(figsize=(1.6 * (len(scales) + 1) + 1.2, 3.4), layout="constrained")
    axes = figure.subplots()
    colours = matplotlib.colormaps["viridis" if result.mode == "min" else "viridis_r"]
    norm = Normalize(low, high)
    for outcome in reversed(trials):  # the best is drawn last
        line = [s.position(outcome.parameters[n]) for n, s in scales.items()]
        best = outcome is trials[0]
        axes.plot(
            [*line, (outcome.score - low) / span],
            color=colours(norm(outcome.score)),
            lw=2.5 if best else 1.2,
            alpha=0.9,
        )
    for n, scale in enumerate(scales.values()):
        axes.axvline(n, color="black", lw=0.8)
        for position, text in zip(*_ticks(scale), strict=True):
            axes.annotate(
                text, (n, position), (3, 0), textcoords="offset points", fontsize=8, va="center", bbox=_BACKGROUND
            )
    axes.axvline(len(scales), color="black", lw=0.8)
    axes.set_xticks(range(len(scales) + 1), [*(n.replace("_", " ") for n in scales), _score(result)])
    axes.set(xlim=(-0.1, len(scales) + 0.05), ylim=(-0.04, 1.04), yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    figure.colorbar(ScalarMappable(norm, colours), ax=axes, label=_score(result))
    return figure


_BACKGROUND = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.7}


def _score(result: Any) -> str:
    """What the score is called."""
    return str(getattr(result.objective, "monitor", "score")).replace("_", " ")


def _scored(result: Any) -> list[Outcome]:
    found = [o for o in result.trials if math.isfinite(o.score)]
    if not found:
        raise ArgumentError("There is nothing to draw: no trial of this search has a score.")
    return rank(found, result.mode)


def _ticks(scale: Scale) -> tuple[list[float], list[str]]:
    """Positions and texts of the ticks of a scale."""
    values = scale.ticks()
    return [scale.position(v) for v in values], [f"{v:.6g}" if isinstance(v, float) else str(v) for v in values]

"""What the curves of a training say in words: bias or variance, and where over-fitting begins."""

import numpy as np

from autonet.callbacks.findings import Finding, Findings
from autonet.callbacks.monitor import RISING

MATERIAL = 0.01  # a gap between errors (shares that are wrong) that is worth a word
RELATIVE = 0.2  # and between losses, as a part of the larger
RISEN = 1.05  # validation loss at the end over its minimum, above which it has turned
FALLING = 0.02  # part by which the validation loss still falls in the last tenth

ADVICE = {
    "bias": "A larger network, longer training, another optimizer or rate, less regularization, another architecture.",
    "variance": "More data, or expanded by RandomRotation and its like; L2 on the weights, Dropout, EarlyStopping; a smaller "
    "network.",
    "over-fitting": "EarlyStopping(restore_best_weights=True); more data, L2 on the weights, Dropout.",
    "too short": "More epochs, or a larger learning rate.",
}


def look_at_history(
    history: dict[str, list[float]], epochs_of: dict[str, list[int]], noise_floor: float | None = None
) -> Findings:
    """The findings in a History: see `History.diagnose`."""
    loss = np.array(history.get("loss", []), np.float64)
    if not len(loss):
        return Findings([Finding("nothing", None, None, np.nan, "there is no epoch to judge yet: fit a model first.")])
    if not np.isfinite(loss[-1]):
        first = int(np.argmax(~np.isfinite(loss)))
        text = f"the loss is no longer finite from epoch {epochs_of['loss'][first] + 1} on."
        advice = "A smaller learning rate, clipnorm=1.0; callbacks.TerminateOnNaN says where it began."
        return Findings([Finding("diverged", None, epochs_of["loss"][first], float("nan"), text, advice)])
    found = _gaps(history, epochs_of, noise_floor)
    if len(history.get("val_loss", ())) > 2:
        found += _overfitting(history, epochs_of) or _too_short(history, epochs_of)
    return Findings(found or [_healthy(history, epochs_of, noise_floor)])


def _accuracy(history: dict[str, list[float]]) -> str | None:
    """The name of the accuracy among the metrics, if there is one."""
    rising = [n for n in history if not n.startswith("val_") and n.endswith(("accuracy", "acc"))]
    return next((n for n in rising if n.endswith(RISING)), None)


def _level(values: list[float]) -> float:
    """What a curve has come to: the mean of its last twentieth."""
    return float(np.mean(values[-max(len(values) // 20, 1) :]))


def _errors(history: dict[str, list[float]]) -> tuple[str, float, float | None]:
    """Name of what is judged, error of training, error of validation (None without)."""
    name = _accuracy(history)
    training = _level(history[name or "loss"])
    validation = history.get(f"val_{name or 'loss'}")
    later = None if not validation else _level(validation)
    if name is None:
        return "loss", training, later
    return f"1 - {name}", 1 - training, None if later is None else 1 - later


def _said(name: str, value: float) -> str:
    return f"{value:.3g}" if name == "loss" else f"{100 * value:.2f} %"


def _gaps(history: dict[str, list[float]], epochs_of: dict[str, list[int]], noise_floor: float | None) -> list[Finding]:
    """Bias and variance, the larger first; one that is less than half of the other is left out."""
    name, training, validation = _errors(history)
    epoch = epochs_of["loss"][-1]
    floor = 0.0 if noise_floor is None else float(noise_floor)
    gaps = {}
    if name != "loss" or noise_floor is not None:
        text = f"the training error ({name}) is {_said(name, training)} at the end"
        text += f", {_said(name, training - floor)} above the noise floor of {_said(name, floor)}." if floor else "."
        gaps["bias"] = training - floor, text
    if validation is not None:
        text = (
            f"the validation error ({name}) is {_said(name, validation)} at the end, {_said(name, validation - training)} above "
            f"that of training, {_said(name, training)}."
        )
        gaps["variance"] = validation - training, text
    worst = max(validation or training, training)
    least = RELATIVE * abs(worst) if name == "loss" else max(MATERIAL, 0.1 * worst)
    largest = max((gap for gap, _ in gaps.values()), default=0.0)
    found = [
        Finding(kind, None, epoch, gap, text, ADVICE[kind])
        for kind, (gap, text) in gaps.items()
        if gap > least and gap >= largest / 2
    ]
    return sorted(found, key=lambda f: -f.value)


def stops_rising(values: np.ndarray) -> int:
    """The place from which a curve is no better than its noise above what it has reached there."""
    late = values[len(values) // 2 :]
    noise = float(np.median(np.abs(np.diff(late)))) if len(late) > 2 else 0.0
    return int(np.argmax(values >= values.max() - max(noise, 1e-3)))


def _overfitting(history: dict[str, list[float]], epochs_of: dict[str, list[int]]) -> list[Finding]:
    """From which epoch on the validation loss rises while that of training falls."""
    cost = np.array(history["val_loss"], np.float64)
    turn, end = int(np.nanargmin(cost)), _level(history["val_loss"])
    training = history["loss"]
    at = epochs_of["val_loss"][turn]
    then = training[min(epochs_of["loss"].index(at), len(training) - 1)] if at in epochs_of["loss"] else training[0]
    if turn >= len(cost) - 2 or not end > cost[turn] + (RISEN - 1) * abs(cost[turn]) or not _level(training) < then:
        return []
    text = (
        f"by the loss from epoch {at + 1} on: that of validation is lowest there, {cost[turn]:.3g}, and {end:.3g} at the end, "
        f"while that of training falls from {then:.3g} to {_level(training):.3g}"
    )
    name = _accuracy(history)
    if name is not None and history.get(f"val_{name}"):
        values = np.array(history[f"val_{name}"], np.float64)
        top = stops_rising(values)
        text += (
            f"; by the accuracy from epoch {epochs_of[f'val_{name}'][top] + 1} on: there it stops rising, at "
            f"{100 * values[top]:.2f} %, and is {100 * _level(history[f'val_{name}']):.2f} % at the end"
        )
    return [Finding("over-fitting", None, at, float(cost[turn]), f"{text}.", ADVICE["over-fitting"])]


def _too_short(history: dict[str, list[float]], epochs_of: dict[str, list[int]]) -> list[Finding]:
    cost = np.array(history["val_loss"], np.float64)
    tenth = max(len(cost) // 10, 1)
    before, end = float(np.mean(cost[-2 * tenth : -tenth])), float(np.mean(cost[-tenth:]))
    if not end < before - FALLING * abs(before) * min(tenth, 5) or int(np.argmin(cost)) < len(cost) - tenth:
        return []
    text = f"the validation loss still falls at the end, to {end:.3g} from {before:.3g} {tenth} epochs before."
    text = text.replace(" 1 epochs", " an epoch")
    return [Finding("too short", None, epochs_of["val_loss"][-1], end, text, ADVICE["too short"])]


def _healthy(history: dict[str, list[float]], epochs_of: dict[str, list[int]], noise_floor: float | None) -> Finding:
    name, training, validation = _errors(history)
    text = f"the training error ({name}) is {_said(name, training)} at the end"
    if validation is None:
        text += "; of validation nothing is known: pass validation_data or validation_split to fit."
    else:
        text += f", that of validation {_said(name, validation)}."
        if validation < training:
            text += (
                " (That of training is measured while it goes on; callbacks.TrainingEvaluation measures it afterwards.)"
            )
    return Finding("healthy", None, epochs_of["loss"][-1], training, text)

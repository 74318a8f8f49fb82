"""TensorBoard: event files for the program of that name, written by tensorboardX, the extra `tensorboard`."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from autonet.callbacks.base import Callback
from autonet.callbacks.learning_rate import named_optimizers
from autonet.common.extras import advice
from autonet.common.types import PathLike
from autonet.errors import ArgumentError


class TensorBoard(Callback):
    """Write what TensorBoard shows: loss and metrics, and if wanted the weights, as event files.

    In `log_dir/train` and `log_dir/validation` stand epoch_loss and the like against the epoch, batch_loss and the like
    against the number of the batch; after `evaluate`, evaluation_loss_vs_iterations and the like.

    Args:
        log_dir: folder for the files, made if need be.
        histogram_freq: every how many epochs to write histograms of the weights, 0 for never.
        write_graph: a hint without effect; `utils.plot_model` draws a model.
        write_images: with the histograms, also write weights as images (needs pillow).
        write_steps_per_second: also write epoch_steps_per_second and, with batches, batch_steps_per_second.
        update_freq: "epoch"; "batch", or a number of batches, to write after so many of them too.
        profile_batch, embeddings_freq, embeddings_metadata: only 0 and None.

    Raises: ImportError where tensorboardX is missing; ArgumentError for settings that cannot be.
    """

    outward = True

    def __init__(
        self,
        log_dir: PathLike = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: object = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: object = None,
    ):
        for word, value, instead in (
            ("profile_batch", profile_batch, "model.explain_step() tells what a step does"),
            ("embeddings_freq", embeddings_freq, "save the layer's weights, and load them into the projector"),
            ("embeddings_metadata", embeddings_metadata, "save the layer's weights, and load them into the projector"),
        ):
            if value:
                raise ArgumentError(f"TensorBoard has no {word} here; received {value!r}. Leave it out: {instead}.")
        whole = isinstance(update_freq, (int, np.integer)) and update_freq > 0
        if not whole and update_freq not in ("batch", "epoch"):
            raise ArgumentError(
                f"TensorBoard expects update_freq 'epoch', 'batch' or a number of batches; received {update_freq!r}."
            )
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise ImportError(
                f"TensorBoard needs tensorboardX to write its files: {advice('tensorboard')}. CSVLogger needs nothing."
            ) from None
        self._writer_class = SummaryWriter
        self._writers: dict[str, Any] = {}
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = update_freq
        self._every = 0 if update_freq == "epoch" else 1 if update_freq == "batch" else int(update_freq)
        self._fitting = False
        self._batches = 0  # before this epoch
        self._seen = 0  # in this epoch
        self.due = sys.maxsize

    def _to(self, part: str) -> Any:
        """The writer of log_dir/`part`, opened when first used."""
        if part not in self._writers:
            suffix = f".{time.time_ns()}"  # two files begun in one second must not have one name
            folder = str(Path(self.log_dir) / part)
            self._writers[part] = self._writer_class(folder, filename_suffix=suffix, flush_secs=10)
        return self._writers[part]

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _write(self, part: str, named: dict[str, Any], step: int) -> None:
        for name, value in named.items():
            if np.ndim(value) == 0:
                self._to(part).add_scalar(name, float(value), step)

    def _wait(self) -> None:
        """Look again at the next batch to write; where nobody knows how many an epoch has, at all, to count them."""
        if not self._every and not self.write_steps_per_second:
            self.due = sys.maxsize
        elif (self.params or {}).get("steps") is None:
            self.due = 0
        elif self._every:
            self.due = self._seen + self._every - 1 - (self._batches + self._seen) % self._every
        else:
            self.due = sys.maxsize

    # Training

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._close()  # of a training that ended in an error
        self._fitting = True
        self._batches = self._seen = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._seen = 0
        self._wait()
        self._epoch_began = self._last = time.perf_counter(), self._batches

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._seen = batch + 1
        done = self._batches + self._seen
        if self._every and done % self._every == 0:
            named = {f"batch_{name}": value for name, value in (logs or {}).items()}
            if self.write_steps_per_second:
                named["batch_steps_per_second"] = self._speed(self._last, done)
                self._last = time.perf_counter(), done
            self._write("train", named, done)
        self._wait()

    @staticmethod
    def _speed(since: tuple[float, int], done: int) -> float:
        return (done - since[1]) / max(time.perf_counter() - since[0], 1e-9)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches += (self.params or {}).get("steps") or self._seen
        logs = dict(logs or {})
        validation = {f"epoch_{k.removeprefix('val_')}": v for k, v in logs.items() if k.startswith("val_")}
        training = {f"epoch_{k}": v for k, v in logs.items() if not k.startswith("val_")}
        for name, optimizer in named_optimizers(getattr(self.model, "optimizer", None)).items():
            rate = getattr(optimizer, "learning_rate", None)
            if rate is not None and not callable(rate):
                training[f"epoch_{name}"] = np.asarray(rate)
        if self.write_steps_per_second:
            training["epoch_steps_per_second"] = self._speed(self._epoch_began, self._batches)
        self._write("train", training, epoch)
        self._write("validation", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._fitting = False
        self._close()

    def _write_weights(self, epoch: int) -> None:
        for weight in self.model.weights:
            values = weight.numpy()
            self._to("train").add_histogram(f"{weight.path}/histogram", values, epoch)
            if self.write_images and (picture := _image(values)) is not None:
                self._to("train").add_images(f"{weight.path}/image", picture, epoch, dataformats="NHWC")

    # Evaluation by itself

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.due = sys.maxsize

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._fitting:
            return
        iterations = getattr(getattr(self.model, "optimizer", None), "iterations", 0)
        named = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
        self._write("validation", named, int(np.asarray(iterations)))
        self._close()

    def get_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"batches": self._batches}, {}

    def set_state(self, plain: dict[str, Any], arrays: dict[str, Any]) -> None:
        self._batches = int(plain["batches"])


def _image(values: np.ndarray) -> np.ndarray | None:
    """Weights as gray pictures from 0 to 1, (number, height, width, 1); None for more than four axes.

    A vector is a row, a kernel of a convolution a row of pictures: one for each pair of channels.
    """
    if not 0 < values.ndim <= 4 or not values.size:
        return None
    values = values.reshape((1,) * (2 - values.ndim) + values.shape)
    low, high = float(values.min()), float(values.max())
    gray = (values - low) / (high - low or 1.0)
    height, width = gray.shape[:2]
    return np.moveaxis(gray.reshape(height, width, -1), -1, 0)[..., None]

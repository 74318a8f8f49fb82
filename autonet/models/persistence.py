"""What a model can do with disk and JSON; `saving` has the formats."""

from collections.abc import Sequence
from typing import Any

from autonet import saving
from autonet.common.lines import warn
from autonet.common.types import PathLike
from autonet.errors import ArgumentError
from autonet.serialization.objects import deserialize_keras_object, serialize_keras_object
from autonet.training.overriding import is_default


class Persistence:
    """Mixed into Model."""

    def save(
        self,
        filepath: PathLike,
        overwrite: bool = True,
        include_optimizer: bool = True,
        format: str | None = None,
        *,
        zipped: bool | None = None,
        save_format: str | None = None,
    ) -> None:
        """Write the whole model to a ".keras" file, which Keras opens too, or, if it is small, to a ".json" file; see
        `saving.save_model`. `save_format`, of older Keras, is "keras"; `format` is left out.
        """
        if save_format not in (None, "keras"):
            raise ArgumentError(f"Model.save expects save_format 'keras', or nothing; received {save_format!r}.")
        saving.save_model(self, filepath, overwrite, zipped, include_optimizer=include_optimizer, format=format)  # type: ignore[arg-type]

    def save_weights(self, filepath: PathLike, overwrite: bool = True) -> None:
        """Write the weights alone; see `saving.save_weights`."""
        saving.save_weights(self, filepath, overwrite)  # type: ignore[arg-type]

    def load_weights(self, filepath: PathLike, skip_mismatch: bool = False) -> saving.LoadReport:
        """Take weights from a file; see `saving.load_weights`."""
        return saving.load_weights(self, filepath, skip_mismatch)  # type: ignore[arg-type]

    def to_json(self) -> str:
        """The architecture, and how it was compiled, as JSON without weights; `models.model_from_json` reads it.

        Raises: ArgumentError for what JSON cannot hold, such as a lambda.
        """
        return saving.model_to_json(self)  # type: ignore[arg-type]

    def export(
        self,
        filepath: PathLike,
        format: str | None = None,
        verbose: bool | None = None,
        input_signature: Sequence[object] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write what the model predicts as a file that runs without autonet: ONNX for "m.onnx", C for "m.c".

        ONNX (extra `onnx`): the size of the batch stays free, inputs and outputs have the names that the model has for them,
        numbered where one layer has several outputs; see `autonet.export`.

        C: one C99 file, weights inside, and a header beside it; no heap, no library but libm:

            void m_predict(const float *x, float *y);               one row
            void m_predict_rows(long n, const float *x, float *y);  n rows

        Several inputs and outputs are x1, x2, ..., y1, y2, ...; the header says their types and shapes. All lengths but the
        batch's must be known. As results lie in static arrays, one thread may call it at a time.

        In float32, and compiled without fused products (`-std=c99`, or `-ffp-contract=off`), it gives the bits that `predict`
        does with AUTONET_INSTRUCTIONS=plain, which is without fused products and BLAS too; otherwise `predict` is as close as
        rounding allows. Left aside are what compiled steps leave to NumPy (functions that are not of C there, such as a softmax
        not along the last axis, l2 norms, volumes' convolutions) and sums over more than 32,768 numbers, taken in pieces.

        Args:
            filepath: of the file.
            format: "onnx" or "c"; by default what the file's ending says.
            verbose: whether to print a line.
            input_signature: shapes and dtypes of the arguments, as a list of `InputSpec`; by default the model's inputs. Where
                these leave more than the first axis open, it gives the lengths.

        Raises: ArgumentError for another format, for an operation that the format has no counterpart of, for a model that
            does not tell its inputs, draws random numbers or assigns Variables as it predicts. OSError where the disk is
            full: an earlier file, or pair of C file and header, is untouched then.
        """
        from autonet.models.exported import export_model

        export_model(self, filepath, format, input_signature, **kwargs)  # type: ignore[arg-type]
        if verbose:
            print(f"{self.label} is exported to {filepath}.")  # type: ignore[attr-defined]

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` received, as plain values; None before it was called."""
        if not self.compiled:  # type: ignore[attr-defined]
            return None
        received = {**self._compile_arguments, "optimizer": self.optimizer}  # type: ignore[attr-defined]
        return {name: serialize_keras_object(value) for name, value in received.items()}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """`compile` with what `get_compile_config` returned. A class with a `compile` of its own has its own of these."""
        if not is_default(self, "compile"):
            warn(
                f"{self.label} has a compile() of its own, so it was loaded without being compiled. "  # type: ignore[attr-defined]
                "Call compile(), or give the class get_compile_config() and compile_from_config()."
            )
            return
        self.compile(**deserialize_keras_object(config))  # type: ignore[attr-defined]

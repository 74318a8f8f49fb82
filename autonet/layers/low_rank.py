"""Low-rank adaptation (LoRA): a matrix that stays, and a small correction to it that is trained."""

from typing import TYPE_CHECKING, Any

import numpy as np

from autonet import initializers, ops
from autonet.common.types import Identifier
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, NotBuiltError


class LowRank:
    """Mixin for layers whose large weight can be frozen and adapted.

        adapted = weight + alpha / rank * (a @ b)

    Shapes: weight (..., n), a (..., rank), b (rank, n).

    Source: Hu et al., 2021, https://arxiv.org/abs/2106.09685
    """

    _untold: tuple[str, ...] = ("lora_rank", "lora_alpha")
    adapts = "kernel"  # name of the weight, and of the arguments that speak of it

    def _take_lora(self, rank: Any, alpha: Any) -> None:
        """Note the constructor's arguments; the last line of `build` is `_build_lora`."""
        self.lora_rank: Any = None if rank is None else self._checked_rank(rank)
        if alpha is not None:
            self._check_alpha(alpha)
        self.lora_alpha = self.lora_rank if alpha is None else alpha
        self.lora_enabled = False

    def _check_alpha(self, alpha: Any) -> None:
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float, np.number)):
            raise ArgumentError(f"{self.label} expects lora_alpha to be a number; received {alpha!r}.")  # type: ignore[attr-defined]

    def _build_lora(self) -> None:
        if self.lora_rank is not None:
            self._adapt(self.lora_rank, self.lora_alpha, "he_uniform", "zeros")

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Identifier = "he_uniform",
        b_initializer: Identifier = "zeros",
    ) -> None:
        """Freeze the weight; from now on training moves a correction of rank `rank`, which starts as 0.

        The attribute of the weight's name is then the sum of both, as in Keras; a and b are `lora_kernel_a` and
        `lora_kernel_b` (`lora_embeddings_a`, ...), with the weight's regularizer. Files that Keras opens hold the sum.

        Args:
            rank: whole number above 0.
            lora_alpha: the correction is multiplied by lora_alpha / rank; by default 1.
            a_initializer, b_initializer: first values of a and b.

        Raises: NotBuiltError before the weight exists; ArgumentError a second time, or where the weight has a constraint.
        """
        self._refuse_constraint(getattr(self, f"{self.adapts}_constraint"))
        if not self.built:  # type: ignore[attr-defined]
            raise NotBuiltError(f"{self.label} has no weights to adapt yet: build it, or call it on data, first.")  # type: ignore[attr-defined]
        if self.lora_enabled:
            raise ArgumentError(f"{self.label} is adapted already: enable_lora can be called once.")  # type: ignore[attr-defined]
        if lora_alpha is not None:
            self._check_alpha(lora_alpha)
        self._adapt(self._checked_rank(rank), lora_alpha, a_initializer, b_initializer)

    def _refuse_constraint(self, constraint: Any) -> None:
        if constraint is not None:
            raise ArgumentError(
                f"{self.label} has a {self.adapts}_constraint, which a sum of {self.adapts} and correction need not meet: "  # type: ignore[attr-defined]
                "leave it away, or do without lora."
            )

    def _adapt(self, rank: int, alpha: Any, a_initializer: Any, b_initializer: Any) -> None:
        weight = getattr(self, self.adapts)
        self._refuse_constraint(weight.constraint)
        dtype = "float32" if weight.dtype == "float16" else weight.dtype  # in which small corrections are lost
        for letter, shape, initializer in (
            ("a", (*weight.shape[:-1], rank), a_initializer),
            ("b", (rank, weight.shape[-1]), b_initializer),
        ):
            name = f"lora_{self.adapts}_{letter}"
            kept = self.add_weight(  # type: ignore[attr-defined]
                shape, initializers.get(initializer), dtype=dtype, regularizer=weight.regularizer, name=name
            )
            setattr(self, name, kept)
        weight.trainable = False
        setattr(self, f"_{self.adapts}", weight)
        del self.__dict__[self.adapts]  # which `__getattr__` answers from now on
        self.lora_rank, self.lora_alpha, self.lora_enabled = rank, rank if alpha is None else alpha, True

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name == self.adapts and self.__dict__.get("lora_enabled"):
                return self._corrected()
            return super().__getattr__(name)

    @property
    def _weight(self) -> Any:
        """The weight without its correction."""
        return getattr(self, f"_{self.adapts}" if self.lora_enabled else self.adapts)

    @property
    def _factors(self) -> list[Any]:
        """a and b, if there are any."""
        return [getattr(self, f"lora_{self.adapts}_{letter}") for letter in "ab"] if self.lora_enabled else []

    def _corrected(self) -> Tensor:
        """The weight with its correction."""
        return self._weight + ops.cast(self._correction(self._factors[0]), self._weight.dtype)

    def _correction(self, a: Tensor) -> Tensor:
        """What b makes of `a`, or of rows of it."""
        return ops.matmul(a, self._factors[1]) * (self.lora_alpha / self.lora_rank)

    def _set_own_trainable(self, value: bool) -> None:
        super()._set_own_trainable(value)  # type: ignore[misc]
        if self.lora_enabled:
            self._weight.trainable = False

    def get_config(self) -> dict[str, Any]:
        """The layer's configuration, with the correction's rank if there is one."""
        config = super().get_config()  # type: ignore[misc]
        return (
            config if self.lora_rank is None else {**config, "lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        )

    def _checked_rank(self, rank: Any) -> int:
        if isinstance(rank, bool) or not hasattr(rank, "__index__") or rank < 1:
            raise ArgumentError(f"{self.label} expects lora's rank to be a whole number above 0; received {rank!r}.")  # type: ignore[attr-defined]
        return rank.__index__()

"""Model: a layer that trains; Functional: one given by what goes in and what comes out."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, overload

from autonet.common.trees import map_structure
from autonet.common.types import Gives, NameOptions, Placeholders, Unpack
from autonet.compiler.unannounced import Watch
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, NotBuiltError, unknown
from autonet.layers import inference
from autonet.layers.base import Layer
from autonet.layers.symbolic import KerasTensor
from autonet.metrics import Metric
from autonet.models import state_tree
from autonet.models.composed import Composed, graph_arguments
from autonet.models.persistence import Persistence
from autonet.models.restart import reinitialize
from autonet.models.state_tree import write as write_state_tree
from autonet.ops.abstract import DRY_RUN_ERRORS
from autonet.training.on_batch import OnBatchTrainer
from autonet.training.overriding import is_default

if TYPE_CHECKING:
    from autonet.common.types import Out


class Model(Persistence, Composed, OnBatchTrainer, Gives["Out"]):
    """A layer with a training loop: `compile`, `fit`, `evaluate`, `predict`.

    Give it `inputs` and `outputs`, placeholders with layers between them (see `Functional`); or subclass it (layers in
    `__init__`, the map in `call`); or compose a `Sequential`.

    Args:
        inputs, outputs: what `Input` and layers called on it returned; a subclass may take them too.
        name: of the model.
        trainable: whether its weights are trained.
        dtype: dtype of weights and computation.

    >>> from autonet import layers, ops
    >>> x = layers.Input((4,))
    >>> model = Model(x, layers.Dense(1)(x))
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(ops.ones((8, 4)), ops.ones((8, 1)), epochs=2, verbose=0)
    >>> model.predict(ops.ones((3, 4)), verbose=0).shape
    (3, 1)
    """

    _default_methods: tuple[str, ...] = ("build",)  # what `is_default` asks for
    _takes_too: tuple[str, ...] = ("inputs", "outputs")

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: "Model[Tensor]",
            inputs: Placeholders,
            outputs: Tensor | KerasTensor,
            name: str | None = None,
            **options: Unpack[NameOptions],
        ): ...
        @overload
        def __init__(self, *args: Any, **kwargs: Any): ...
        def __init__(self, *args: Any, **kwargs: Any): ...

        def call(self, *args: Any, **kwargs: Any) -> Out: ...

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if cls is Model and (len(args) >= 2 or not {"outputs", "output"}.isdisjoint(kwargs)):
            return super().__new__(Functional, *args, **kwargs)  # type: ignore[return-value]
        return super().__new__(cls, *args, **kwargs)

    if not TYPE_CHECKING:  # who know the two ways apart

        def __init__(self, *args: Any, **kwargs: Any):
            ends = graph_arguments(args, kwargs, self)
            super().__init__(**kwargs)
            if ends is not None:
                self._compose(**ends)

    # Building

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of the layers inside for inputs of `input_shape`, batch axis included, by trying out `call`.

        Raises: NotBuiltError where `call` needs data.
        """
        if input_shape is None or not is_default(self, "build") or self._graph is not None or not self._has_call():
            return  # a subclass with a build of its own, which knows better, may come here by super()
        inputs = inference.placeholders(input_shape, self.compute_dtype)
        try:
            inference.dry_run(self, (inputs,), {})
        except DRY_RUN_ERRORS as error:
            raise NotBuiltError(
                f"{self.label} cannot be built from the shape {input_shape} alone: {type(error).__name__} in its call(): {error} "
                "Call it on data instead."
            ) from error

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if is_default(self, "build"):  # the layers inside are built as the call reaches them
            Layer.build(
                self,
                map_structure(lambda x: tuple(x.shape) if hasattr(x, "shape") else None, args[0] if args else None),
            )
        else:
            super()._build_for(args, kwargs)

    def _is_built(self) -> bool:
        if not self.built and not self._has_call():  # then the layers inside are all there is
            self.built = bool(self.layers) and all(layer._is_built() for layer in self.layers)
        return self.built

    # What is inside

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside, in the order in which they were assigned."""
        return [x for x in self._sublayers if not isinstance(x, Metric)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name, or at this place among `layers`.

        Raises: ArgumentError if there is none, or for both or neither argument.
        """
        if (name is None) == (index is None):
            raise ArgumentError("get_layer expects either name or index.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ArgumentError(f"{self.label} has {len(self.layers)} layers; there is no index {index}.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown(f"layer of {self.label}", name, [layer.name for layer in self.layers])

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[..., Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print the layers with output shapes and numbers of parameters.

        Args:
            line_length: of the table, in characters; by default as long as it need be, up to 80.
            positions: where each column ends: characters, or parts of line_length up to 1.
            print_fn: what receives the text; by default `print`.
            expand_nested: whether the layers of models inside follow them.
            show_trainable: whether a column says which layers are trained.
            layer_range: names of the first and last layer to show, or their beginnings.

        Raises: NotBuiltError before the model knows its shapes.
        """
        from autonet.models.summary import summary

        (print_fn or print)(summary(self, line_length, positions, expand_nested, show_trainable, layer_range))

    def _repr_svg_(self) -> str | None:
        """What Jupyter shows: the layers and how they are connected; None, and so the usual text, without layers."""
        from autonet.pictures.models import picture_of

        picture = picture_of(self)
        return None if picture is None else picture.svg

    # Copies, and starting anew

    def reinitialize(self, seed: int | None = None) -> None:
        """Draw all weights anew by their initializers, as a fresh model's, and forget all training.

        Back at their first values are weights, frozen ones too, moving averages, generators of seeds, states of recurrent
        layers, metrics, and optimizers, their learning rates too. Variables that layers made from given values have these
        again. What layers learned by `adapt` is kept. Plans stay: no step is compiled again. Initializers and generators that
        were given a seed start from that one again, others from new seeds.

        Random restarts are three lines:

            for seed in range(5):
                model.reinitialize(seed)
                runs[seed] = model.fit(x, y, epochs=20, verbose=0).history["loss"][-1], model.get_weights()

        Args:
            seed: from which new seeds come, so that the same seed gives the same weights; nothing else is moved then. By default
                they come from the stream that `utils.set_random_seed` starts.

        Raises: NotBuiltError before there are weights.
        """
        reinitialize(self, seed)

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """All state of the model as a tree of values, by the parts of the Variables' paths.

        Args:
            value_format: "backend_tensor" for Tensors, "numpy_array" for arrays.

        Returns: a dictionary of trees: "trainable_variables", "non_trainable_variables", "optimizer_variables",
            "metrics_variables"; for `set_state_tree`.

        Raises: ArgumentError for two Variables of one path.
        """
        return state_tree.read(self, value_format)

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Take the values of a tree as `get_state_tree` gives it, or of a part of it. Nothing changes unless all fit.

        Raises: ArgumentError for a path that the model does not have; ShapeError for another shape.
        """
        write_state_tree(self, state_tree)

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "_functions": {},
            "_batch_objective": None,
            "_watch": Watch(),
        }  # compiled for this very object


class Functional(Model):
    """The layers between given placeholders, as a model. `Model(inputs, outputs)` makes one.

    Args:
        inputs: what `Input` returned: one, or a list or dictionary of several.
        outputs: what layers called on them returned, nested likewise; a list of one gives that one alone.
        name: of the model.
        trainable: whether its weights are trained.

    Raises: ArgumentError for what are no placeholders, for outputs that need another input, for two layers of one name.

    >>> from autonet.layers import Dense, Input
    >>> a, b = Input((4,), name="a"), Input((4,), name="b")
    >>> shared = Dense(3)
    >>> model = Model([a, b], shared(a) * shared(b))
    >>> model.output_shape
    (None, 3)
    """

    _called = "Model"  # in messages about a call: it is how one is made

    def __init__(self, inputs: Placeholders, outputs: Placeholders, name: str | None = None, **kwargs: Any):
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)

"""Networks of dense layers as scikit-learn's estimators."""

from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from autonet import callbacks, layers, models, optimizers, regularizers
from autonet.common.types import Identifier, TensorLike
from autonet.errors import ArgumentError
from autonet.random import seeds


class _MLP(BaseEstimator):
    """What both have in common.

    Args:
        hidden_layer_sizes: units of each hidden layer.
        activation: of the hidden layers.
        dropout: the share of hidden units that each training step leaves out.
        optimizer: name or Optimizer.
        learning_rate: of an optimizer given by its name; None for its own.
        alpha: strength of the L2 penalty on the weights, alpha / 2 sum(w^2) per row.
        batch_size: rows in a step, at most; "auto" for 200.
        max_iter: epochs, at most.
        tol, n_iter_no_change: training ends after n_iter_no_change epochs in which the loss did not fall by tol.
        early_stopping: watch the loss of a part that is held out (stratified by class) instead, and keep its best weights.
        validation_fraction: that part.
        shuffle: whether rows come in a new order in each epoch, where a batch does not hold all.
        random_state: an integer for a result that repeats.
        verbose: as of `Model.fit`.

    Computation is in the dtype of X: float64 unless it is float32.

    Attributes:
        model_: the trained model.
        n_iter_: epochs that were run.
        loss_curve_: the loss of each.
        n_features_in_, feature_names_in_: of X.
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Identifier = "relu",
        dropout: float = 0.0,
        optimizer: Identifier = "adam",
        learning_rate: float | None = None,
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        shuffle: bool = True,
        random_state: int | None = None,
        verbose: int = 0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.shuffle = shuffle
        self.random_state = random_state
        self.verbose = verbose

    def _train(self, X: np.ndarray, y: np.ndarray, weight: Any, outputs: int, activation: Any, loss: str) -> Self:
        if not isinstance(self.max_iter, (int, np.integer)) or self.max_iter < 1:
            raise ArgumentError(f"{type(self).__name__} expects max_iter to be at least 1; received {self.max_iter!r}.")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        held: Any = None
        if weight is not None:
            weight = _check_sample_weight(weight, X, dtype=X.dtype, ensure_non_negative=True)
            kept = weight > 0  # a row of weight 0 is one that is not there
            X, y, weight = X[kept], y[kept], weight[kept]
            if not len(X):
                raise ValueError(f"{type(self).__name__}: every sample_weight is 0.")
        if self.early_stopping:
            parts = train_test_split(
                *(X, y, *([] if weight is None else [weight])),
                test_size=self.validation_fraction,
                random_state=seed,
                stratify=y if loss.startswith("sparse") else None,
            )
            X, y, weight, held = parts[0], parts[2], (parts[4] if weight is not None else None), tuple(parts[1::2])
        if weight is not None:
            weight = weight / weight.mean()  # then a mean over rows is one over weights
        with seeds.apart(seed):
            model = self._network(X, outputs, activation, loss)
            patience = callbacks.EarlyStopping(
                "val_loss" if held else "loss",
                min_delta=self.tol,
                patience=self.n_iter_no_change,
                restore_best_weights=held is not None,
            )
            size = cast(int, 200 if self.batch_size == "auto" else self.batch_size)
            history = model.fit(
                X,
                y,
                batch_size=min(size, len(X)),
                epochs=int(self.max_iter),
                shuffle=self.shuffle and len(X) > size,
                sample_weight=weight,
                validation_data=held,
                callbacks=[patience],
                verbose=self.verbose,
            )
        self.model_ = model
        self.loss_curve_ = history.history["loss"]
        self.n_iter_ = len(self.loss_curve_)
        return self

    def _network(self, X: np.ndarray, outputs: int, activation: Any, loss: str) -> Any:
        dtype = X.dtype.name
        sizes = self.hidden_layer_sizes
        penalty = lambda: regularizers.L2(self.alpha / 2) if self.alpha else None
        model = models.Sequential([layers.Input((X.shape[1],), dtype=dtype)])
        for units in [sizes] if isinstance(sizes, (int, np.integer)) else sizes:
            model.add(layers.Dense(int(units), self.activation, kernel_regularizer=penalty(), dtype=dtype))
            if self.dropout:
                model.add(layers.Dropout(self.dropout, dtype=dtype))
        model.add(layers.Dense(outputs, activation, kernel_regularizer=penalty(), dtype=dtype))
        if isinstance(self.optimizer, optimizers.Optimizer):  # which stays as it is
            optimizer: Any = type(self.optimizer).from_config(self.optimizer.get_config())
        else:
            optimizer = optimizers.get(self.optimizer)
            if self.learning_rate is not None:
                optimizer.learning_rate = self.learning_rate
        model.compile(optimizer, loss)
        return model

    def _answers(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False, dtype=self.model_.input.dtype)
        return np.asarray(self.model_.predict(X, verbose=0))

    def _floats(self, X: Any, y: Any, **how: Any) -> tuple[np.ndarray, np.ndarray]:
        return validate_data(self, X, y, dtype=[np.float64, np.float32], **how)


class MLPClassifier(ClassifierMixin, _MLP):
    __doc__ = (
        "A classifier: dense layers and a softmax.\n"
        + (_MLP.__doc__ or "").partition("\n")[2]
        + ("    classes_: the classes, sorted.\n")
    )

    def fit(self, X: TensorLike, y: TensorLike, sample_weight: TensorLike | None = None) -> Self:
        """Train a network from its first weights.

        Args:
            X: (n, features).
            y: (n,), the classes.
            sample_weight: (n,), not negative: 2 is as the row twice, 0 as without it.
        """
        X, y = self._floats(X, y)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} tells classes apart, but all rows are of one class, {self.classes_[0]!r}."
            )
        return self._train(X, numbers, sample_weight, len(self.classes_), "softmax", "sparse_categorical_crossentropy")

    def predict_proba(self, X: TensorLike) -> np.ndarray:
        """Probabilities, (n, classes)."""
        return self._answers(X)

    def predict(self, X: TensorLike) -> np.ndarray:
        """The likeliest class of each row, (n,)."""
        answers = self._answers(X)
        return self.classes_[np.argmax(answers, axis=1)]


class MLPRegressor(RegressorMixin, _MLP):
    __doc__ = "A regressor: dense layers, trained on the squared error.\n" + (_MLP.__doc__ or "").partition("\n")[2]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: TensorLike, y: TensorLike, sample_weight: TensorLike | None = None) -> Self:
        """Train a network from its first weights.

        Args:
            X: (n, features).
            y: (n,) or (n, outputs).
            sample_weight: (n,), not negative: 2 is as the row twice, 0 as without it.
        """
        X, y = self._floats(X, y, multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        y = y.reshape(len(y), -1).astype(X.dtype)
        return self._train(X, y, sample_weight, y.shape[1], None, "mse")

    def predict(self, X: TensorLike) -> np.ndarray:
        """Numbers: (n,) where y was, else (n, outputs)."""
        answers = self._answers(X)
        return answers.reshape(-1) if self._flat else answers

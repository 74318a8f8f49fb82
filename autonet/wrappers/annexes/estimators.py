"""Models as scikit-learn's estimators, with the names and arguments of `keras.wrappers`."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from autonet.common.types import Model, TensorLike
from autonet.errors import ArgumentError
from autonet.models import clone_model
from autonet.random import seeds


class _Estimator(BaseEstimator):
    """What the three have in common: a model of its own for each estimator, fitted, and asked.

    Args:
        model: a compiled model, of which a copy is trained; or a function (X, y, **model_kwargs) that makes one.
        warm_start: whether `fit` goes on with the model of the fit before.
        model_kwargs: further arguments of the function.
        fit_kwargs: further arguments of `Model.fit`; verbose is 0 unless stated.
        random_state: an integer for first weights, order of rows and draws that repeat.

    Attributes:
        model_: the trained model.
        history_: what its `fit` tells of each epoch, name to list.
    """

    model_: Any

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
        random_state: int | None = None,
    ):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # as Keras says: float32 answers round by the rows beside them
        return tags

    def fit(self, X: TensorLike, y: TensorLike | None = None, **kwargs: Any) -> Self:
        """Train a model, from its first weights unless `warm_start`.

        Args:
            X: (n, features).
            y: (n,), or (n, outputs) for numbers.
            **kwargs: arguments of `Model.fit`, such as sample_weight.
        """
        return self._fit(X, y, kwargs, keep=self.warm_start)

    def partial_fit(self, X: TensorLike, y: TensorLike | None = None, **kwargs: Any) -> Self:
        """Go on training the model; arguments as of `fit`."""
        return self._fit(X, y, kwargs, keep=True)

    def _fit(self, X: Any, y: Any, kwargs: dict[str, Any], keep: bool) -> Self:
        keep = keep and hasattr(self, "model_")
        X, y = self._checked(X, y, first=not keep)
        target = self._encoded(y, first=not keep)
        given = {"verbose": 0, **(self.fit_kwargs or {}), **kwargs}
        with seeds.apart(int(check_random_state(self.random_state).randint(2**31 - 1))):
            model = self.model_ if keep else self._made(X, target)
            history = model.fit(X, target, **given)
        self.model_ = model
        self.history_ = history.history
        return self

    def _made(self, X: np.ndarray, y: Any) -> Any:
        if hasattr(self.model, "compile_from_config"):
            given: Any = self.model
            if not given.compiled:
                raise ArgumentError(
                    f"{type(self).__name__} expects a compiled model: call compile() on {given.label} first."
                )
            model = clone_model(given)
            if given._is_built():
                if not model._is_built():
                    model.build((None, *X.shape[1:]))
                model.set_weights(given.get_weights())
            model.compile_from_config(given.get_compile_config())
            return model
        model = self.model(X, y, **(self.model_kwargs or {}))
        if not getattr(model, "compiled", False):
            raise ArgumentError(
                f"{type(self).__name__}: the function that makes the model returns {model!r}, which is not compiled. Call "
                "compile() in it, and return the model."
            )
        return model

    def _checked(self, X: Any, y: Any, first: bool) -> tuple[Any, Any]:
        return validate_data(self, X, y, reset=first, multi_output=True, y_numeric=False)

    def _encoded(self, y: Any, first: bool) -> Any:
        return y

    def _answers(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False)
        return np.asarray(self.model_.predict(X, verbose=0))


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A classifier for scikit-learn: the model gets each row's class as a row of zeros and a one, and gives probabilities.

    Attributes:
        classes_: the classes, sorted, in the order of the model's outputs.

    Arguments and further attributes: see `SKLearnRegressor`.
    """

    def _checked(self, X: Any, y: Any, first: bool) -> tuple[Any, Any]:
        X, y = validate_data(self, X, y, reset=first)
        check_classification_targets(y)
        return X, column_or_1d(y, warn=True)

    def _encoded(self, y: Any, first: bool) -> Any:
        if first:
            known = self.__dict__.pop("_classes", y)
            self._encoder = OneHotEncoder(sparse_output=False, dtype=np.float32).fit(known.reshape(-1, 1))
            self.classes_ = self._encoder.categories_[0]
            if len(self.classes_) < 2:
                raise ValueError(
                    f"{type(self).__name__} tells classes apart, but all rows are of one class, {self.classes_[0]!r}."
                )
        return self._encoder.transform(y.reshape(-1, 1))

    def partial_fit(
        self, X: TensorLike, y: TensorLike | None = None, classes: TensorLike | None = None, **kwargs: Any
    ) -> Self:
        """Go on training the model. `classes`: all that there are, where the first y may lack some."""
        if classes is not None and not hasattr(self, "model_"):
            self._classes = np.unique(np.asarray(classes))
        return super().partial_fit(X, y, **kwargs)

    def predict_proba(self, X: TensorLike) -> np.ndarray:
        """The model's answers, (n, classes)."""
        return self._answers(X)

    def predict(self, X: TensorLike) -> np.ndarray:
        """The likeliest class of each row, (n,)."""
        answers = self.predict_proba(X)
        return self.classes_[np.argmax(answers, axis=1)]


class SKLearnRegressor(RegressorMixin, _Estimator):
    __doc__ = "A regressor for scikit-learn: the model gives numbers.\n" + (_Estimator.__doc__ or "").partition("\n")[2]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _checked(self, X: Any, y: Any, first: bool) -> tuple[Any, Any]:
        X, y = validate_data(self, X, y, reset=first, multi_output=True, y_numeric=True)
        self._flat, self._dtype = y.ndim == 1, y.dtype if y.dtype.kind == "f" else np.dtype("float64")
        return X, y

    def _encoded(self, y: Any, first: bool) -> Any:
        return y.reshape(len(y), -1)

    def predict(self, X: TensorLike) -> np.ndarray:
        """The model's answers: (n,) where it was fitted to a y of that shape, else (n, outputs)."""
        answers = self._answers(X)
        answers = answers.astype(self._dtype)
        return answers.reshape(-1) if self._flat and answers.ndim == 2 and answers.shape[1] == 1 else answers


class SKLearnTransformer(TransformerMixin, _Estimator):
    """A transformer for scikit-learn: the model's answers are the new features.

    Arguments and attributes: see `SKLearnRegressor`. A model without a y learns from its own losses.
    """

    def _checked(self, X: Any, y: Any, first: bool) -> tuple[Any, Any]:
        if y is None:
            return validate_data(self, X, reset=first), None
        X, y = validate_data(self, X, y, reset=first, multi_output=True)
        type_of_target(y, raise_unknown=True)
        return X, y

    def transform(self, X: TensorLike) -> np.ndarray:
        """The model's answers, (n, outputs), in X's dtype where that is of floats."""
        kind = getattr(X, "dtype", None)
        answers = self._answers(X)
        return answers.astype(kind) if isinstance(kind, np.dtype) and kind.kind == "f" else answers

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Names of the outputs: the class's, numbered."""
        check_is_fitted(self, "model_")
        name = type(self).__name__.lower()
        return np.array([f"{name}{i}" for i in range(self.model_.output_shape[-1])], object)

"""Floor 8: models as scikit-learn's estimators. Needs the extra `sklearn`.

    from autonet.wrappers import MLPClassifier
    sklearn.model_selection.cross_val_score(MLPClassifier(dropout=0.2), x, y)

`SKLearnClassifier`, `SKLearnRegressor` and `SKLearnTransformer` are Keras's, around a model or a function that makes one;
`MLPClassifier` and `MLPRegressor` are networks of dense layers, with dropout, sample weights and early stopping.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autonet.wrappers.estimators import SKLearnClassifier as SKLearnClassifier
    from autonet.wrappers.estimators import SKLearnRegressor as SKLearnRegressor
    from autonet.wrappers.estimators import SKLearnTransformer as SKLearnTransformer
    from autonet.wrappers.perceptrons import MLPClassifier as MLPClassifier
    from autonet.wrappers.perceptrons import MLPRegressor as MLPRegressor

_HOMES = {
    **dict.fromkeys(("SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"), "estimators"),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), "perceptrons"),
}
__all__ = list(_HOMES)

if not TYPE_CHECKING:  # to a type checker, a module with this function has every name

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        try:
            import_module("sklearn")
        except ImportError:
            from autonet.errors import ArgumentError

            raise ArgumentError(
                f"wrappers.{name} needs scikit-learn, which is not installed: pip install 'autonet[sklearn]'."
            ) from None
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Floor 8: models as scikit-learn's estimators. Needs the extra `sklearn`.

    from autonet.wrappers import MLPClassifier
    sklearn.model_selection.cross_val_score(MLPClassifier(dropout=0.2), x, y)

`SKLearnClassifier`, `SKLearnRegressor` and `SKLearnTransformer` are Keras's, around a model or a function that makes one;
`MLPClassifier` and `MLPRegressor` are networks of dense layers, with dropout, sample weights and early stopping.
"""

from typing import TYPE_CHECKING, Any

from autonet import lazy as _lazy
from autonet.common.extras import advice as _advice
from autonet.common.extras import installed as _installed

if TYPE_CHECKING:
    from autonet.wrappers.annexes.estimators import SKLearnClassifier as SKLearnClassifier
    from autonet.wrappers.annexes.estimators import SKLearnRegressor as SKLearnRegressor
    from autonet.wrappers.annexes.estimators import SKLearnTransformer as SKLearnTransformer
    from autonet.wrappers.annexes.perceptrons import MLPClassifier as MLPClassifier
    from autonet.wrappers.annexes.perceptrons import MLPRegressor as MLPRegressor

_HOMES = {
    **dict.fromkeys(("SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"), "estimators"),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), "perceptrons"),
}
_NAMES = list(_HOMES)

if not TYPE_CHECKING:  # to a type checker, a module with this function has every name

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        if not _installed("sklearn"):
            from autonet.errors import ArgumentError

            raise ArgumentError(f"wrappers.{name} needs scikit-learn, which is not installed: {_advice('sklearn')}.")
        value = globals()[name] = getattr(import_module(f"{__name__}.annexes.{_HOMES[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *(_NAMES if _installed("sklearn") else ())})


_lazy.publish(__name__)

"""Where each source file is tested: in its mirror (autonet/ops/nn.py, tests/ops/test_nn.py), or where the table says."""

import pathlib
from fnmatch import fnmatch

import autonet

ROOT = pathlib.Path(autonet.__file__).parent
TESTS = pathlib.Path(__file__).parent

ELSEWHERE = {  # source files: the tests that hold them
    "__main__.py": "cli/test_job.py",
    "applications/*.py": "applications/test_networks.py",
    "backend.py": "test_legacy.py",
    "callbacks/activity.py": "callbacks/test_training_monitor.py",
    "callbacks/callback_list.py": "callbacks/test_base.py",
    "callbacks/checkpoint.py": "callbacks/test_saving.py callbacks/test_resume.py",
    "callbacks/learning_rate.py": "callbacks/test_monitoring.py",
    "callbacks/monitor.py": "callbacks/test_monitoring.py",
    "callbacks/plots.py": "callbacks/test_training_monitor.py",
    "callbacks/state.py": "callbacks/test_resume.py",
    "callbacks/stopping.py": "callbacks/test_monitoring.py",
    "cli/command.py": "cli/test_job.py",
    "cli/csvfile.py": "cli/test_tables.py",
    "cli/features.py": "cli/test_tables.py",
    "cli/report.py": "cli/test_job.py",
    "common/arrays.py": "core/test_tensor.py",
    "common/attributes.py": "core/test_tensor.py",
    "common/bodies.py": "core/test_primitive.py",
    "common/dtypes.py": "core/test_primitive.py utils/test_config.py",
    "common/switches.py": "utils/test_config.py",
    "common/trees.py": "test_tree.py",
    "common/types.py": "test_signatures.py",
    "common/words.py": "test_legacy.py",
    "common/versions.py": "compiler/test_model_changes.py",
    "compiler/c/*.py": "compiler/c/test_plan.py compiler/test_random_programs.py",
    "compiler/c/runtime/library.py": "compiler/c/runtime/test_toolchain.py",
    "compiler/c/runtime/sources.py": "compiler/c/runtime/test_kernels.py",
    "compiler/entry.py": "compiler/test_jit.py",
    "compiler/explain.py": "compiler/test_jit.py",
    "compiler/guards.py": "compiler/test_jit_state.py compiler/test_model_changes.py",
    "compiler/numpy/*.py": "compiler/numpy/test_plan.py",
    "compiler/passes/*.py": "compiler/passes/test_passes.py",
    "compiler/program.py": "compiler/test_capture.py",
    "compiler/signature.py": "compiler/test_jit.py",
    "compiler/texts.py": "training/test_texts.py",
    "dtype_policies.py": "layers/test_mixed_precision.py",
    "metrics/f_score.py": "metrics/test_confusion.py",
    "mixed_precision.py": "layers/test_mixed_precision.py",
    "models/function.py": "models/test_functional.py",
    "models/state_tree.py": "test_stateless.py",
    "config.py": "utils/test_config.py",
    "core/*.py": "core/test_primitive.py core/test_tensor.py core/test_backward.py",
    "datasets/boston_housing.py": "datasets/test_housing.py",
    "datasets/california_housing.py": "datasets/test_housing.py",
    "datasets/cifar10.py": "datasets/test_cifar.py",
    "datasets/cifar100.py": "datasets/test_cifar.py",
    "datasets/fashion_mnist.py": "datasets/test_mnist.py",
    "datasets/files.py": "datasets/test_mnist.py datasets/test_imdb.py",
    "datasets/reuters.py": "datasets/test_words.py",
    "errors.py": "mistakes/test_mistakes.py",
    "distribution/annexes/*.py": "distribution/test_parallel.py",
    "exporting/c_*.py": "exporting/test_c.py",
    "gradients/blame.py": "gradients/test_check.py",
    "gradients/scope.py": "gradients/test_functional.py",
    "initializers/*.py": "initializers/test_initializers.py",
    "layers/arguments.py": "layers/test_configurations.py",
    "exporting/*.py": "exporting/test_export.py",
    "exporting/annexes/*.py": "exporting/test_export.py",
    "layers/building.py": "layers/test_base.py",
    "layers/cells.py": "layers/test_recurrent.py",
    "layers/conv_lstm.py": "layers/test_recurrent.py",
    "layers/inference.py": "layers/test_symbolic.py layers/test_every_layer.py",
    "layers/preprocessing/base.py": "layers/preprocessing/test_numeric.py",
    "layers/preprocessing/encoding.py": "layers/preprocessing/test_categories.py",
    "layers/preprocessing/hashing.py": "layers/preprocessing/test_categories.py",
    "layers/preprocessing/vocabulary.py": "layers/preprocessing/test_lookup.py",
    "layers/preprocessing/*.py": "layers/preprocessing/test_images.py",
    "layers/time_wrappers.py": "layers/test_wrapping.py",
    "layers/tracking.py": "layers/test_base.py",
    "layers/weights.py": "layers/test_base.py",
    "lazy.py": "test_lazy_names.py",
    "losses/margins.py": "losses/test_classification.py",
    "metrics/*.py": "metrics/test_all_metrics.py",
    "models/*.py": "models/test_functional.py models/test_configuration.py",
    "ops/identity.py": "ops/test_creation.py",
    "ops/image/*.py": "ops/test_image.py",
    "ops/masks.py": "ops/test_attention.py",
    "ops/numpy.py": "test_namespaces.py",
    "ops/operators.py": "core/test_tensor.py",
    "ops/sliding_windows.py": "ops/test_convolution.py",
    "ops/solving.py": "ops/test_linalg.py",
    "ops/spectra.py": "ops/test_kinks.py",
    "ops/trigonometry.py": "ops/test_pointwise.py",
    "optimizers/*.py": "optimizers/test_optimizers.py optimizers/test_against_keras.py",
    "pictures/*.py": "pictures/test_pictures.py",
    "preprocessing/image.py": "utils/test_folders.py",
    "preprocessing/sequence.py": "test_legacy.py",
    "random/elastic.py": "ops/test_image.py",
    "saving/*.py": "saving/test_laws.py saving/test_keras_files.py",
    "serialization/sharing.py": "serialization/test_objects.py",
    "wrappers/annexes/*.py": "wrappers/test_estimators.py",
    "training/rehearsal.py": "callbacks/test_training_monitor.py",
    "training/arguments.py": "training/test_compile.py",
    "training/identity.py": "callbacks/test_resume.py",
    "training/journal.py": "callbacks/test_resume.py",
    "training/nonfinite.py": "training/test_first_nan.py",
    "training/position.py": "callbacks/test_resume.py",
    "training/*.py": "training/test_fit.py training/test_custom_steps.py",
    "tuner/annexes/*.py": "tuner/test_optuna.py tuner/test_study.py",
    "tuner/plots.py": "tuner/test_result.py",
    "tuner/trial.py": "tuner/test_search.py",
    "untrusted/*.py": "saving/attack/test_attack.py",
    "utils/naming.py": "layers/test_base.py",
}


def held(path):
    """The tests of a source file, by the path inside the package."""
    mirror = pathlib.PurePath(path).parent / f"test_{pathlib.PurePath(path).name}"
    if (TESTS / mirror).exists():
        return [str(mirror)]
    return next((tests.split() for form, tests in ELSEWHERE.items() if fnmatch(path, form)), [])


FILES = sorted(str(p.relative_to(ROOT)) for p in ROOT.rglob("*.py"))


def test_every_file_is_held_by_tests():
    """A new file has a mirror, test_<name>.py, or a line in ELSEWHERE."""
    assert [f for f in FILES if not f.endswith("__init__.py") and not held(f)] == []


def test_the_tests_named_exist():
    assert [t for tests in ELSEWHERE.values() for t in tests.split() if not (TESTS / t).exists()] == []


def test_the_table_has_no_dead_lines():
    assert [form for form in ELSEWHERE if not any(fnmatch(f, form) for f in FILES)] == []

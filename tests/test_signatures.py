"""What `help()` and editors say about every public class, function and method: all has a type, and no type is a quoted text.

`Any` stands only where anything goes.
"""

import importlib
import inspect
import typing

import pytest

import autonet

PACKAGES = [f"autonet.{name}" for name in autonet._PACKAGES] + [
    "autonet",
    "autonet.applications.efficientnet",
    "autonet.applications.imagenet_utils",
    "autonet.applications.mobilenet_v2",
    "autonet.applications.resnet",
    "autonet.applications.vgg16",
    "autonet.datasets.boston_housing",
    "autonet.datasets.california_housing",
    "autonet.datasets.cifar10",
    "autonet.datasets.cifar100",
    "autonet.datasets.digits",
    "autonet.datasets.fashion_mnist",
    "autonet.datasets.imdb",
    "autonet.datasets.mnist",
    "autonet.datasets.reuters",
    "autonet.datasets.student_admissions",
    "autonet.ops.image",
    "autonet.optimizers.schedules",
    "autonet.preprocessing.image",
    "autonet.preprocessing.sequence",
    "autonet.utils.bounding_boxes",
]

ANYTHING = {  # why, and the functions where
    "a subclass takes and gives what it likes": """
        call __call__ symbolic_call compute_mask compute_output_spec compute_loss compute_metrics train_step test_step predict_step
        update_state result stateless_result align resolve get_initial_state
        get_random_transformation transform_bounding_boxes transform_images transform_labels transform_segmentation_masks
    """,
    "a shape, or a nest of shapes": "build compute_output_shape",
    "a nest, or what a function of it gives": """
        associative_scan beam_search cond fori_loop greedy_search map scan switch vectorized_map while_loop hvp stop_gradient
        assert_same_structure lists_to_tuples map_shape_structure map_structure map_structure_up_to pack_sequence_as
        convert_format decode_deltas_to_boxes traverse pack_x_y_sample_weight unpack_x_y_sample_weight
    """,
    "trees of arrays, of any form": "axpy conjugate_gradient dot norm scale",
    "one or several, as the model has outputs and metrics; overloads tell where it is known": """
        evaluate predict predict_on_batch test_on_batch train_on_batch
    """,
    "what a name or configuration means, or the configuration": """
        deserialize deserialize_keras_object find from_config get get_registered_object serialize serialize_keras_object
    """,
    "a number of Python, or nested lists of them": "item tolist",
    "a Figure of matplotlib, which need not be installed": "plot plot_parallel",
    "a data set, or two of them for subset='both'": "image_dataset_from_directory text_dataset_from_directory",
    "a picture of Pillow, which need not be installed": "array_to_img load_img",
}
FREE = {name for names in ANYTHING.values() for name in names.split()}


def own(thing):
    return getattr(thing, "__module__", "").startswith("autonet")


def public(package):
    """Name and function of all that a user of the package finds, methods too."""
    module = importlib.import_module(package)
    for name in sorted(n for n in dir(module) if not n.startswith("_")):
        thing = getattr(module, name)
        if not own(thing) or inspect.ismodule(thing) or not callable(thing):
            continue
        if not inspect.isclass(thing):
            yield name, thing
            continue
        for cls in thing.__mro__:
            for word, value in vars(cls).items() if own(cls) else ():
                if word.startswith("_") and word not in ("__init__", "__call__"):
                    continue
                f = getattr(value, "__func__", value)  # of a class or static method
                if inspect.isfunction(f):
                    yield f"{cls.__name__}.{word}", f


def faults(f):
    signature = inspect.signature(f)
    if getattr(f, "__name__", "") not in FREE:
        named = [p for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        yield from (f"{p.name} is Any" for p in named if p.annotation is typing.Any)
        if signature.return_annotation is typing.Any:
            yield "the result is Any"
    for p in signature.parameters.values():
        if p.annotation is p.empty and p.name not in ("self", "cls"):
            yield f"{p.name} has no type"
        if isinstance(p.annotation, str):
            yield f"{p.name} has the quoted type {p.annotation!r}"
    if isinstance(signature.return_annotation, str):
        yield f"the result has the quoted type {signature.return_annotation!r}"
    if signature.return_annotation is signature.empty and getattr(f, "__name__", "") != "__init__":
        yield "the result has no type"


@pytest.mark.parametrize("package", PACKAGES)
def test_types_are_there_unquoted_and_say_something(package):
    found = {f"{name}: {fault}" for name, f in public(package) for fault in faults(f)}
    assert sorted(found) == []


def test_no_function_is_free_in_vain():
    found = {name.rpartition(".")[2] for package in PACKAGES for name, f in public(package) if says_any(f)}
    assert sorted(FREE - found) == []


def says_any(f):
    signature = inspect.signature(f)
    return typing.Any in [signature.return_annotation, *[p.annotation for p in signature.parameters.values()]]

"""Data sets of the files in a folder: pictures (with Pillow, extra `images`) and texts."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from autonet.common.types import PathLike, Sizes, TensorLike
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DataError
from autonet.ops.creation import whole_number
from autonet.ops.image.resizing import INTERPOLATIONS, resize
from autonet.ops.sliding_windows import standardize_data_format
from autonet.random.seeds import checked_seed, fresh_seed
from autonet.utils.datasets import Derived, PyDataset
from autonet.utils.images import MODES, img_to_array, load_img, pillow
from autonet.utils.progress import write

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
TEXTS = (".txt",)
LABEL_MODES = ("int", "categorical", "binary", None)


class FolderDataset(Derived):
    """What is in the files of a folder; `image_dataset_from_directory` and `text_dataset_from_directory` return it.

    Attributes:
        class_names: names of the classes, in the order of their numbers; None without labels.
        file_paths: of the files, in their order before the data set shuffles them for each pass.
    """

    def __init__(self, source: PyDataset, class_names: list[str] | None, file_paths: list[str]):
        super().__init__(source)
        self._ordered = True
        self.class_names, self.file_paths = class_names, file_paths

    def unbatch(self) -> PyDataset:
        return self.source.unbatch()


class _Files(PyDataset):
    """One file after the other: what `read` makes of its path, with its label if there are labels."""

    def __init__(self, paths: list[str], labels: np.ndarray | None, read: Callable[[str], Any]):
        super().__init__()
        self.paths, self.labels, self.read = paths, labels, read

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        x = self.read(self.paths[index])
        return x if self.labels is None else (x, self.labels[index])


def image_dataset_from_directory(
    directory: PathLike,
    labels: str | Sequence[int] | np.ndarray | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Sizes = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The pictures in a folder, in one size, with a label for each; a thread reads them ahead.

    Files that end with .bmp, .gif, .jpeg, .jpg or .png count (of an animation, the first picture). Extra: `images`.

    Args:
        directory: the folder. With labels="inferred" each of its folders is a class, with all files in and below it.
        labels: "inferred"; None for none; or a whole number for each file, in the order of the sorted paths.
        label_mode: "int" for numbers, int32, shape (n,); "binary" for 0.0 and 1.0, shape (n, 1), of two classes;
            "categorical" for one-hot rows, shape (n, classes); None for no labels.
        class_names: the folders that are classes, in the order of their numbers; by default all, sorted.
        color_mode: "grayscale", "rgb" or "rgba": 1, 3 or 4 channels, from 0 to 255.
        batch_size: pictures in a batch; None for single ones.
        image_size: (height, width) to which all are scaled, or one number for both.
        shuffle: whether files come in a random order, a new one for each pass. Otherwise they are sorted.
        seed: of that order, by default from `utils.set_random_seed`. A seed chooses the same files for validation as in
            Keras.
        validation_split: share of the files for validation, between 0 and 1: the last ones.
        subset: with it, "training", "validation" or "both": which part.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        follow_links: whether to look into folders that are links.
        crop_to_aspect_ratio: cut the longer side first, so that nothing is stretched.
        pad_to_aspect_ratio: fill up the shorter side with 0 first.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        format: a hint without effect: the result is a PyDataset in any case.
        verbose: whether to print how many files there are.

    Returns: a PyDataset of x or (x, y), x of shape (n, height, width, channels), float32, with the attributes `class_names`
        and `file_paths`; for "both" a list of two, for training and validation, only the first of them shuffled for each
        pass. `fit` keeps their order.

    Raises: ArgumentError for arguments that do not fit, or without Pillow; DataError where there are no pictures, and, when
        it is read, for a file that is none.
    """
    who = "image_dataset_from_directory"
    _one_of(who, "color_mode", color_mode, tuple(MODES))
    interpolation = interpolation.lower() if isinstance(interpolation, str) else interpolation
    _one_of(who, "interpolation", interpolation, INTERPOLATIONS)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError(f"{who} can crop to the aspect ratio or pad to it, not both.")
    size = (image_size, image_size) if isinstance(image_size, (int, np.integer)) else image_size
    if not isinstance(size, (tuple, list)) or len(size) != 2 or not all(_is_count(n) for n in size):
        raise ArgumentError(f"{who} expects image_size to be (height, width); received {image_size!r}.")
    read = partial(
        _picture,
        color_mode=color_mode,
        size=(int(size[0]), int(size[1])),
        interpolation=interpolation,
        crop=bool(crop_to_aspect_ratio),
        pad=bool(pad_to_aspect_ratio),
        data_format=standardize_data_format(data_format),
    )
    pillow()  # says what is missing before any file is looked for
    found = _from_directory(
        *(who, directory, PICTURES, read, labels, label_mode, class_names, batch_size, shuffle, seed),
        *(validation_split, subset, follow_links, format, verbose),
    )
    for dataset in found:
        dataset._ahead, dataset.max_queue_size = True, 2
    return found if subset == "both" else found[0]


def text_dataset_from_directory(
    directory: PathLike,
    labels: str | Sequence[int] | np.ndarray | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The texts in a folder's .txt files, in UTF-8, with a label for each.

    Args:
        directory: the folder. With labels="inferred" each of its folders is a class, with all files in and below it.
        labels, label_mode, class_names: as for `image_dataset_from_directory`.
        batch_size: texts in a batch; None for single ones.
        max_length: characters of a text that are kept, the first ones.
        shuffle, seed, validation_split, subset, follow_links, format, verbose: as for `image_dataset_from_directory`.

    Returns: a PyDataset of x or (x, y), x an array of strings of shape (n,), with the attributes `class_names` and
        `file_paths`; for "both" a list of two.

    Raises: ArgumentError for arguments that do not fit; DataError where there are no texts, and, when it is read, for a
        file that is none.
    """
    who = "text_dataset_from_directory"
    if max_length is not None:
        whole_number(max_length, who, "max_length", 1)
    found = _from_directory(
        *(who, directory, TEXTS, partial(_text, length=max_length), labels, label_mode, class_names, batch_size),
        *(shuffle, seed, validation_split, subset, follow_links, format, verbose),
    )
    return found if subset == "both" else found[0]


def smart_resize(
    x: TensorLike, size: tuple[int, int], interpolation: str = "bilinear", data_format: str = "channels_last"
) -> Tensor | np.ndarray:
    """Images in another size, cut to its proportions first: `ops.image.resize(..., crop_to_aspect_ratio=True)`.

    Args:
        x: shape (height, width, channels) or (n, height, width, channels), or as `data_format` says.
        size: (height, width) of the result.

    Returns: an array for an array, else a Tensor.
    """
    resized = resize(x, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format)
    return resized.numpy() if isinstance(x, np.ndarray) else resized


# One file


def _picture(
    path: str, *, color_mode: str, size: tuple[int, int], interpolation: str, crop: bool, pad: bool, data_format: str
) -> np.ndarray:
    try:
        image = img_to_array(load_img(path, color_mode), data_format, "float32")
    except Exception as error:  # Pillow raises errors of many classes for bytes that are no picture
        raise DataError(
            f"The file {path} cannot be read as a picture: {str(error).rstrip('.')}. Mend it, or remove it from the folder."
        ) from error
    rows = 1 if data_format == "channels_first" else 0
    if image.shape[rows : rows + 2] == size:
        return image
    return resize(
        image, size, interpolation, crop_to_aspect_ratio=crop, pad_to_aspect_ratio=pad, data_format=data_format
    ).numpy()


def _text(path: str, *, length: int | None) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read() if length is None else file.read(length)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"The file {path} cannot be read as a text in UTF-8: {error}. Mend it, or remove it from the folder."
        ) from error


# All files


def _is_count(n: Any) -> bool:
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool) and int(n) > 0


def _one_of(who: str, name: str, value: Any, known: tuple[Any, ...]) -> None:
    if not (value is None or isinstance(value, str)) or value not in known:
        raise ArgumentError(f"{who} expects {name} to be one of {', '.join(map(repr, known))}; received {value!r}.")


def _from_directory(
    who: str,
    directory: PathLike,
    endings: tuple[str, ...],
    read: Callable[[str], Any],
    labels: Any,
    label_mode: str | None,
    class_names: Sequence[str] | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    follow_links: bool,
    format: str,
    verbose: bool,
) -> list[FolderDataset]:
    """The data set of a folder, or two of them for the subset "both"."""
    _one_of(who, "label_mode", label_mode, LABEL_MODES)
    _one_of(who, "format", format, ("tf", "grain"))
    if batch_size is not None:
        whole_number(batch_size, who, "batch_size", 1)
    labels = _given_labels(who, labels, class_names)
    if labels is None or label_mode is None:
        labels = label_mode = None
    _check_split(who, validation_split, subset, shuffle, seed)
    seed = fresh_seed() if seed is None else checked_seed(seed)
    paths, classes, names = _index(who, os.fspath(directory), endings, labels, class_names, bool(follow_links))
    if verbose:
        write(f"Found {len(paths)} files{'' if names is None else f' belonging to {len(names)} classes'}.")
    targets = None if names is None else _targets(who, classes, names, label_mode)
    order = np.arange(len(paths))
    if shuffle:
        np.random.RandomState(seed).shuffle(order)  # Keras's: a seed means the same files there and here
    held = int((validation_split or 0) * len(order))  # files for validation
    if validation_split and not 0 < held < len(order):
        raise DataError(f"{who}: validation_split={validation_split} of {len(order)} files leaves one part empty.")
    cut = len(order) - held
    parts = {None: order, "training": order[:cut], "validation": order[cut:]}
    found = []
    for part in ("training", "validation") if subset == "both" else (subset,):
        rows = parts[part]
        if verbose and part:
            write(f"Using {len(rows)} files for {part}.")
        chosen = [paths[i] for i in rows.tolist()]
        dataset: PyDataset = _Files(chosen, None if targets is None else targets[rows], read)
        if shuffle and not (subset == "both" and part == "validation"):
            dataset = dataset.shuffle(seed=seed)
        if batch_size is not None:
            dataset = dataset.batch(batch_size)
        found.append(FolderDataset(dataset, names, chosen))
    return found


def _given_labels(who: str, labels: Any, class_names: Any) -> Any:
    """`labels` as "inferred", None, or an array of whole numbers."""
    if labels is None or (isinstance(labels, str) and labels == "inferred"):
        if labels is None and class_names is not None:
            raise ArgumentError(f"{who} expects no class_names where labels=None: there are no classes.")
        return labels
    if not isinstance(labels, (list, tuple, np.ndarray)):
        raise ArgumentError(
            f'{who} expects labels to be "inferred", None, or a number for each file; received {labels!r}.'
        )
    if class_names is not None:
        raise ArgumentError(f"{who} takes class_names from the labels, sorted, where these are given: leave it out.")
    array = np.asarray(labels)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ArgumentError(f"{who} expects labels to be whole numbers, one for each file; received {labels!r:.80}.")
    return array


def _check_split(who: str, validation_split: Any, subset: Any, shuffle: Any, seed: Any) -> None:
    _one_of(who, "subset", subset, ("training", "validation", "both", None))
    share = isinstance(validation_split, (int, float, np.number)) and not isinstance(validation_split, bool)
    if validation_split is not None and not (share and 0 <= validation_split < 1):
        raise ArgumentError(f"{who} expects validation_split to be between 0 and 1; received {validation_split!r}.")
    if bool(validation_split) != (subset is not None):
        raise ArgumentError(f"{who} expects validation_split and subset together, or neither.")
    if validation_split and shuffle and seed is None:
        raise ArgumentError(
            f"{who} needs a seed where shuffled files are split: with the same one, the parts for training and for "
            "validation have no file in common."
        )


def _index(
    who: str, directory: str, endings: tuple[str, ...], labels: Any, class_names: Any, follow_links: bool
) -> tuple[list[str], np.ndarray, list[str] | None]:
    """Paths of the files, their labels, and names of the classes (None without labels)."""
    if not os.path.isdir(directory):
        raise DataError(f"{who} finds no folder {directory!r}: look at its path, seen from {os.getcwd()!r}.")
    inferred = isinstance(labels, str)
    names = [""]
    if inferred:
        folders = sorted(n for n in os.listdir(directory) if n[0] != "." and os.path.isdir(os.path.join(directory, n)))
        names = folders if class_names is None else _chosen(who, class_names, folders, directory)
    paths: list[str] = []
    counts = []
    for name in names:
        before = len(paths)
        top = os.path.join(directory, name)
        for folder, _, files in sorted(os.walk(top, followlinks=follow_links), key=lambda entry: entry[0]):
            paths += [os.path.join(folder, file) for file in sorted(files) if file.lower().endswith(endings)]
        counts.append(len(paths) - before)
    if not paths:
        without = " For files without classes, pass labels=None." if inferred else ""
        where = " the folders of its classes in" if inferred else ""
        raise DataError(f"{who} finds no file in{where} {directory!r} that ends with {', '.join(endings)}.{without}")
    if labels is None:
        return paths, np.empty(0, np.int32), None
    if inferred:
        return paths, np.repeat(np.arange(len(names), dtype=np.int32), counts), names
    if len(labels) != len(paths):
        raise DataError(f"{who} expects a label for each file; received {len(labels)} labels for {len(paths)} files.")
    return paths, labels.astype(np.int32), [str(label) for label in sorted(set(labels.tolist()))]


def _chosen(who: str, class_names: Any, folders: list[str], directory: str) -> list[str]:
    texts = isinstance(class_names, (list, tuple)) and all(isinstance(name, str) for name in class_names)
    if not texts or len(set(class_names)) != len(class_names):
        raise ArgumentError(f"{who} expects class_names to be a list of different names; received {class_names!r}.")
    if absent := [name for name in class_names if name not in folders]:
        raise ArgumentError(
            f"{who} expects class_names to be folders in {directory!r}, which has {', '.join(map(repr, folders))}; "
            f"received also {', '.join(map(repr, absent))}."
        )
    return list(class_names)


def _targets(who: str, classes: np.ndarray, names: list[str], label_mode: str | None) -> np.ndarray:
    """The labels as `label_mode` says, one row for each file."""
    if label_mode == "int":
        return classes
    if label_mode == "binary" and len(names) != 2:
        raise ArgumentError(f'{who} expects two classes for label_mode="binary"; there are {len(names)}: {names}.')
    if classes.min() < 0 or classes.max() >= len(names):
        raise ArgumentError(
            f"{who} expects labels from 0 to {len(names) - 1}, the number of classes less 1, for label_mode={label_mode!r}; "
            f"received {classes.min()} to {classes.max()}. Number the classes anew, as with "
            "np.unique(labels, return_inverse=True)[1]."
        )
    if label_mode == "binary":
        return classes[:, None].astype(np.float32)
    return np.eye(len(names), dtype=np.float32)[classes]

import gzip
import hashlib

import numpy as np
import pytest

from autonet.datasets import fashion_mnist, mnist
from autonet.errors import DataError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of data sets, and public homes that nobody answers for."""
    monkeypatch.setenv("AUTONET_HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(mnist, "URL", "http://127.0.0.1:9/mnist.npz")
    monkeypatch.setattr(fashion_mnist, "URL", "http://127.0.0.1:9/")
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


@pytest.fixture
def arrays(rng):
    def draw(n):
        return rng.integers(0, 256, (n, 28, 28), np.uint8), rng.integers(0, 10, n).astype(np.uint8)

    (x_train, y_train), (x_test, y_test) = draw(6), draw(2)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def same(loaded, arrays):
    (x_train, y_train), (x_test, y_test) = loaded
    names = ("x_train", "y_train", "x_test", "y_test")
    return all(np.array_equal(a, arrays[n]) for a, n in zip((x_train, y_train, x_test, y_test), names, strict=True))


def test_a_file_in_the_folder_is_read(folder, arrays):
    np.savez_compressed(folder / "mnist.npz", **arrays)
    assert same(mnist.load_data(), arrays)


def test_another_name_or_place(folder, arrays, tmp_path):
    np.savez_compressed(tmp_path / "mine.npz", **arrays)
    assert same(mnist.load_data(str(tmp_path / "mine.npz")), arrays)
    np.savez_compressed(folder / "small.npz", **arrays)
    assert same(mnist.load_data("small.npz"), arrays)


def test_a_missing_file_is_downloaded_once_and_checked(folder, arrays, tmp_path, monkeypatch):
    source = tmp_path / "public.npz"
    np.savez_compressed(source, **arrays)
    monkeypatch.setattr(mnist, "URL", source.as_uri())
    with pytest.raises(DataError, match="is not the file that was expected"):
        mnist.load_data()
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(mnist, "SHA256", hashlib.sha256(source.read_bytes()).hexdigest())
    assert same(mnist.load_data(), arrays)
    source.unlink()
    assert same(mnist.load_data(), arrays)


def test_neither_there_nor_to_be_had_is_one_error_that_says_what_to_do(folder):
    with pytest.raises(DataError) as caught:
        mnist.load_data()
    message = str(caught.value)
    for part in (str(folder), "mnist.npz", "x_train, y_train, x_test, y_test", "AUTONET_HOME", "127.0.0.1:9"):
        assert part in message
    assert list(folder.iterdir()) == []


def damage(path, kind):
    content = path.read_bytes()
    if kind == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "a web page":
        path.write_bytes(b"<html>not found</html>")
    else:
        middle = len(content) // 3
        path.write_bytes(content[:middle] + bytes(64) + content[middle + 64 :])


@pytest.mark.parametrize("kind", ["cut off", "empty", "a web page", "overwritten"])
def test_a_damaged_file_is_named(folder, arrays, kind):
    np.savez_compressed(folder / "mnist.npz", **arrays)
    damage(folder / "mnist.npz", kind)
    with pytest.raises(DataError, match=r"mnist\.npz is damaged or cannot be read .* Delete it"):
        mnist.load_data()


def test_arrays_that_are_something_else(folder, arrays):
    np.savez(folder / "mnist.npz", x_train=arrays["x_train"])
    with pytest.raises(DataError, match="has no array 'y_train'; it holds x_train"):
        mnist.load_data()
    np.savez(folder / "mnist.npz", **{**arrays, "x_test": arrays["x_test"][0]})
    with pytest.raises(DataError, match=r"x_test should hold integers of shape \('n', 28, 28\); .* shape \(28, 28\)"):
        mnist.load_data()
    np.savez(folder / "mnist.npz", **{**arrays, "y_test": np.array([None, None])})
    with pytest.raises(DataError, match=r"mnist\.npz is damaged or cannot be read"):
        mnist.load_data()
    with open(folder / "mnist.npz", "wb") as file:
        np.save(file, arrays["x_train"])
    with pytest.raises(DataError, match="it is no .npz archive"):
        mnist.load_data()


def idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def originals(folder, arrays):
    (folder / "fashion-mnist").mkdir()
    for name, (file, _) in fashion_mnist.PARTS.items():
        (folder / "fashion-mnist" / file).write_bytes(gzip.compress(idx(arrays[name])))
    return folder / "fashion-mnist"


def test_fashion_mnist_from_its_four_files(originals, arrays):
    assert same(fashion_mnist.load_data(), arrays)
    assert all(a.flags.writeable for part in fashion_mnist.load_data() for a in part)


def test_fashion_mnist_from_one_file(folder, arrays):
    np.savez(folder / "fashion_mnist.npz", **arrays)
    assert same(fashion_mnist.load_data(), arrays)
    assert len(fashion_mnist.CLASSES) == 10


def test_fashion_mnist_is_downloaded(originals, arrays, folder, tmp_path, monkeypatch):
    originals.rename(tmp_path / "public")
    monkeypatch.setattr(fashion_mnist, "URL", (tmp_path / "public").as_uri() + "/")
    hashed = {
        name: (file, hashlib.sha256((tmp_path / "public" / file).read_bytes()).hexdigest())
        for name, (file, _) in fashion_mnist.PARTS.items()
    }
    monkeypatch.setattr(fashion_mnist, "PARTS", hashed)
    assert same(fashion_mnist.load_data(), arrays)
    assert len(list((folder / "fashion-mnist").iterdir())) == 4


@pytest.mark.parametrize("kind", ["cut off", "empty", "a web page", "overwritten"])
def test_fashion_mnist_names_a_damaged_file(originals, kind):
    damage(originals / "train-images-idx3-ubyte.gz", kind)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz .* Delete it"):
        fashion_mnist.load_data()


def test_fashion_mnist_refuses_other_content(originals, arrays):
    path = originals / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(arrays["y_test"])[:-1]))
    with pytest.raises(DataError, match="no whole IDX file"):
        fashion_mnist.load_data()
    path.write_bytes(gzip.compress(idx(arrays["x_test"])))
    with pytest.raises(DataError, match="y_test should hold integers of shape"):
        fashion_mnist.load_data()


def test_fashion_mnist_that_is_not_to_be_had(folder):
    with pytest.raises(DataError, match="train-labels-idx1-ubyte.gz is not in .*AUTONET_HOME"):
        fashion_mnist.load_data()


@pytest.mark.real_data("mnist.npz")
def test_the_real_digits():
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert x_train.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28)
    assert x_train.dtype == y_train.dtype == np.uint8
    assert y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]

import io
import pickle
import tarfile

import numpy as np
import pytest

from autonet import config
from autonet.datasets import cifar, cifar10, cifar100
from autonet.errors import ArgumentError, DataError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTONET_HOME", str(tmp_path))
    for module in (cifar10, cifar100):
        monkeypatch.setattr(module, "URL", "http://127.0.0.1:9/x.tar.gz")
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def pack(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def as_python_2(batch):
    """The pickle of protocol 2 with keys and pixels as texts of Python 2, as the original archives have them."""
    data = batch["data"]
    parts = [b"\x80\x02}("]
    for key, value in batch.items():
        parts.append(b"U" + bytes([len(key)]) + key.encode())
        if key == "data":
            parts.append(
                b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
                + b"".join(b"J" + n.to_bytes(4, "little") for n in data.shape)
                + b"\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
                + b"T"
                + data.nbytes.to_bytes(4, "little")
                + data.tobytes()
                + b"tb"
            )
        else:
            parts.append(pickle.dumps(value, 2)[2:-1])
    return b"".join(parts) + b"u."


WRITERS = [as_python_2, lambda batch: pickle.dumps({k.encode(): v for k, v in batch.items()}, 2), pickle.dumps]


def batch(rng, n, *keys):
    return {"data": rng.integers(0, 256, (n, 3072), np.uint8)} | {k: rng.integers(0, 10, n).tolist() for k in keys}


@pytest.mark.parametrize("writer", WRITERS[:2])
def test_cifar10(folder, rng, writer):
    batches = {name: batch(rng, 2, "labels") for name in ("test_batch", *(f"data_batch_{i}" for i in range(5, 0, -1)))}
    pack(
        folder / cifar10.FILE, {f"cifar-10-batches-py/{n}": writer(b) for n, b in batches.items()} | {"x/readme": b"?"}
    )
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert x_train.shape == (10, 32, 32, 3) and x_test.shape == (2, 32, 32, 3)
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
    ordered = [batches[f"data_batch_{i}"] for i in range(1, 6)]
    assert y_train.tolist() == [[label] for b in ordered for label in b["labels"]] and y_test.shape == (2, 1)
    assert np.array_equal(x_train[4, :, :, 1].ravel(), ordered[2]["data"][0, 1024:2048])
    assert sorted(path.name for path in folder.iterdir()) == [cifar10.FILE]
    x_train[:] = 0  # the caller's own


@pytest.mark.parametrize("writer", WRITERS[:2])
def test_cifar100(folder, rng, writer):
    parts = {name: batch(rng, n, "fine_labels", "coarse_labels") for name, n in (("train", 3), ("test", 2))}
    pack(folder / cifar100.FILE, {f"cifar-100-python/{n}": writer(b) for n, b in parts.items()})
    for mode in ("fine", "coarse"):
        (x_train, y_train), (x_test, y_test) = cifar100.load_data(mode)
        assert x_train.shape == (3, 32, 32, 3) and x_test.shape == (2, 32, 32, 3) and x_train.dtype == np.uint8
        assert y_train.ravel().tolist() == parts["train"][f"{mode}_labels"] and y_test.shape == (2, 1)
    with pytest.raises(ArgumentError, match="label_mode"):
        cifar100.load_data("middle")


def test_channels_first(folder, rng):
    parts = {name: batch(rng, 2, "fine_labels") for name in ("train", "test")}
    pack(folder / cifar100.FILE, {f"cifar-100-python/{n}": as_python_2(b) for n, b in parts.items()})
    config.set_image_data_format("channels_first")
    try:
        (x, _), _ = cifar100.load_data()
    finally:
        config.set_image_data_format("channels_last")
    assert np.array_equal(x.reshape(2, 3072), parts["train"]["data"])


@pytest.mark.parametrize("module", [cifar10, cifar100])
def test_a_missing_file_is_one_error(folder, module):
    with pytest.raises(DataError, match=rf"{module.FILE} is not in .*AUTONET_HOME"):
        module.load_data()


class Trap:
    def __reduce__(self):
        return print, ("sprung",)


def test_other_content_is_refused(folder, rng, capsys, monkeypatch):
    good = batch(rng, 2, "fine_labels")
    path = folder / cifar100.FILE
    for bad in (
        Trap(),
        {**good, "fine_labels": Trap()},
        {**good, "fine_labels": [1]},
        {**good, "fine_labels": [1, 100]},
        {**good, "fine_labels": [1, "2"]},
        {**good, "data": good["data"].astype(np.int16)},
        {**good, "data": good["data"][:, 1:]},
        {"data": good["data"]},
        [good],
    ):
        pack(path, {"cifar-100-python/train": pickle.dumps(bad, 2), "cifar-100-python/test": as_python_2(good)})
        with pytest.raises(DataError, match=r"cifar-100-python\.tar\.gz, cifar-100-python/train: .*Delete it"):
            cifar100.load_data()
    assert "sprung" not in capsys.readouterr().out
    pack(path, {"cifar-100-python/train": as_python_2(good)})
    with pytest.raises(DataError, match="has no cifar-100-python/test"):
        cifar100.load_data()
    for content in (path.read_bytes()[:200], b"", b"<html>"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="damaged"):
            cifar100.load_data()
    pack(path, {f"cifar-100-python/{n}": as_python_2(good) for n in ("train", "test")})
    monkeypatch.setattr(cifar, "bound", lambda path: 100)
    with pytest.raises(DataError, match="larger than the well-known"):
        cifar100.load_data()

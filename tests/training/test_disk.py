"""Training on arrays that stay on disk: the bits of those in memory, in memory that does not grow with the file."""

import os
import subprocess
import sys

import numpy as np
import pytest

import autonet
from autonet.callbacks import BackupAndRestore, Callback
from autonet.layers import Dense, Dropout, Input
from autonet.utils import DiskArray, DiskDataset

N = 150
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 5)).astype("float32")
Y = RNG.integers(0, 3, N)
W = RNG.random(N).astype("float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk")
    for name, array in {"x": X, "y": Y, "w": W, "x64": X.astype("float64")}.items():
        np.save(folder / f"{name}.npy", array)
    np.savez(folder / "all.npz", x=X, y=Y, w=W)
    return folder


KINDS = {
    "paths": lambda f: (f / "x.npy", str(f / "y.npy"), f / "w.npy"),
    "members": lambda f: tuple(DiskArray(f / "all.npz", k) for k in "xyw"),
    "maps": lambda f: tuple(np.load(f / f"{k}.npy", mmap_mode="r") for k in "xyw"),
    "mixed": lambda f: (f / "x64.npy", Y, W),
}


def make():
    autonet.utils.set_random_seed(2)
    model = autonet.Sequential([Input((5,)), Dense(8, "relu"), Dropout(0.2), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    return model


def fit(x, y=None, w=None, **options):
    model = make()
    history = model.fit(x, y, sample_weight=w, verbose=0, **{"epochs": 2, "batch_size": 32, **options})
    return [a.tobytes() for a in model.get_weights()], history.history


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"validation_split": 0.2},
        {"class_weight": {0: 2.0, 2: 0.5}},
        {"steps_per_epoch": 3, "epochs": 4},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_in_its_order_it_is_the_training_in_memory(kind, options, folder):
    assert fit(*KINDS[kind](folder), shuffle=False, **options) == fit(X, Y, W, shuffle=False, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_and_predict_are_those_in_memory(kind, folder, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")  # machine code rounds otherwise where arrays in memory are cut otherwise
    model = make()
    x, y, w = KINDS[kind](folder)
    assert model.evaluate(x, y, sample_weight=w, verbose=0) == model.evaluate(X, Y, sample_weight=W, verbose=0)
    assert np.array_equal(model.predict(x, verbose=0), model.predict(X, verbose=0))


class Rows(autonet.Model):
    """Remembers which rows each batch has."""

    def __init__(self):
        super().__init__()
        self.dense = Dense(1)
        self.seen = []

    def call(self, x):
        self.seen.append(np.asarray(x)[:, 0].astype(int).tolist())
        return self.dense(x)


@pytest.mark.parametrize("shuffle", [True, "batch"])
@pytest.mark.parametrize("as_data_set", [False, True])
def test_each_epoch_has_every_row_once_in_another_order(shuffle, as_data_set, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(N, dtype="float32")[:, None])
    autonet.utils.set_random_seed(4)
    model = Rows()
    model.compile(autonet.optimizers.SGD(0.0), "mse", run_eagerly=True)
    x, y = DiskArray(tmp_path / "x.npy"), np.zeros((N, 1))
    data = (DiskDataset(x, y, batch_size=32, shuffle=True, seed=5),) if as_data_set else (x, y)
    model.fit(*data, batch_size=None if as_data_set else 32, epochs=2, shuffle=shuffle, verbose=0)
    batches = model.seen[-10:]
    epochs = [[row for rows in part for row in rows] for part in (batches[:5], batches[5:])]
    assert [sorted(rows) for rows in epochs] == [list(range(N))] * 2 and epochs[0] != epochs[1]
    assert [len(rows) for rows in batches] == [32, 32, 32, 32, 22] * 2
    if shuffle == "batch" and not as_data_set:
        assert all(rows == list(range(rows[0], rows[0] + len(rows))) for rows in batches)


def test_shuffled_it_is_the_same_however_it_lies(folder):
    paths, *others = [fit(*KINDS[kind](folder)) for kind in ("paths", "members", "maps")]
    assert others == [paths, paths]
    dataset = fit(DiskDataset(*KINDS["paths"](folder), shuffle=True, seed=3), batch_size=None)
    assert dataset == fit(DiskDataset(*KINDS["maps"](folder), shuffle=True, seed=3), batch_size=None)
    assert dataset != fit(DiskDataset(*KINDS["maps"](folder), shuffle=True, seed=4), batch_size=None)


@pytest.mark.parametrize("kind", ["paths", "data set"])
def test_a_training_that_is_broken_off_goes_on_to_the_same_bits(kind, folder, tmp_path):
    class Broken(Exception):
        pass

    class Break(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2 and self.params["epochs"] == 4 and (tmp_path / "once").exists():
                self.count = getattr(self, "count", 0) + 1
                if self.count == 2:
                    (tmp_path / "once").unlink()
                    raise Broken

    def run(name, *more):
        x, y, w = KINDS["paths"](folder)
        if kind == "data set":
            x, y, w = DiskDataset(x, y, w, shuffle=True, seed=3), None, None
        batch_size = None if kind == "data set" else 32
        return fit(x, y, w, epochs=4, batch_size=batch_size, callbacks=[BackupAndRestore(tmp_path / name, 1), *more])

    whole = run("whole")
    (tmp_path / "once").touch()
    with pytest.raises(Broken):
        run("broken", Break())
    assert run("broken", Break()) == whole


SCRIPT = """
import resource, sys
import numpy as np
import autonet
from autonet.layers import Dense, Input
from autonet.utils import DiskArray

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(name))

path, small = sys.argv[1:]
autonet.utils.set_random_seed(1)
model = autonet.Sequential([Input((1024,)), Dense(4, "relu"), Dense(1)])
model.compile("sgd", "mse")
x, y = DiskArray(path, None), DiskArray(small, None)
some = x.part(0, 5_000), y.part(0, 5_000)
model.fit(*some, batch_size=256, verbose=0)
model.evaluate(*some, batch_size=256, verbose=0)
model.predict(some[0], batch_size=256, verbose=0)

limit = status("VmSize") + (300 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
assert x.nbytes > limit, f"{x.nbytes} bytes fit into {limit}"
for mode in (None, "r"):
    try:
        np.load(path, mmap_mode=mode)
    except (MemoryError, OSError):
        pass
    else:
        raise SystemExit("the limit does not hold")
before = status("VmHWM")
model.fit(x, y, batch_size=256, verbose=0)
first = status("VmHWM")
loss = model.evaluate(x, y, batch_size=256, verbose=0)
predicted = model.predict(x, batch_size=256, verbose=0)
assert predicted.shape == (len(x), 1) and np.isfinite(loss)
print(first - before, status("VmHWM") - first - predicted.nbytes)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the system says nothing of a process's memory")
def test_a_file_larger_than_the_memory_of_the_process(tmp_path):
    """RLIMIT_AS counts maps of files too: one that is larger can be read by position alone."""
    rows = 180_000  # 737 MB of zeros, which take no room on the disk
    for name, width in (("x.npy", (1024,)), ("y.npy", (1,))):
        np.lib.format.open_memmap(tmp_path / name, "w+", "float32", (rows, *width)).flush()
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    few = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}  # addresses that are reserved, not used
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "x.npy"), str(tmp_path / "y.npy")]
    answer = subprocess.run(command, env={**os.environ, **few, "PYTHONPATH": root}, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    grown = [int(n) for n in answer.stdout.split()]
    print(grown)
    assert max(grown) < 40 << 20, grown

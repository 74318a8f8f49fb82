"""No complex number enters, by any door: each call says what to do instead, and no imaginary part is dropped in silence."""

import subprocess
import sys

import numpy as np
import pytest

import autonet as keras
from autonet import Tensor, Variable, layers, ops, utils
from autonet.common.complex_numbers import holds_complex
from autonet.errors import AutonetError, DataError, DtypeError
from tests.options.test_functions import FOUND, ROWS, names, result

TOLD = "real and imaginary parts"
Z = np.array([[1 + 2j, 3 - 1j], [0, 1j], [2, 2], [1, 1]])
X, Y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
KINDS = {
    "complex128": Z,
    "complex64": Z.astype("complex64"),
    "swapped": Z.astype(">c16"),
    "objects": Z.astype(object),
    "lists": Z.tolist(),
    "one among reals": [[1.0, 2], [3, 4j], [5, 6], [7, 8]],
    "scalars of NumPy": [[np.complex64(1), 2.0]] * 4,
    "number": 1 + 2j,
    "without an imaginary part": np.array(1 + 0j),
    "nothing": np.empty((0, 2), complex),
    "masked": np.ma.array(Z),
}
WAYS_IN = {
    "Tensor": Tensor,
    "Tensor of a dtype": lambda z: Tensor(z, "float32"),
    "convert_to_tensor": ops.convert_to_tensor,
    "cast": lambda z: ops.cast(z, "float32"),
    "array": ops.array,
    "Variable": Variable,
    "assign": lambda z: Variable(X).assign(z),
    "plus": lambda z: Tensor(X) + z,
    "np.multiply": lambda z: np.multiply(Tensor(X), z),
    "placeholder": lambda z: ops.add(keras.Input((2,)), z),
    "loss": lambda z: keras.losses.MeanSquaredError()(X, z),
    "metric": lambda z: keras.metrics.Mean().update_state(z),
    "constant": lambda z: keras.initializers.Constant(z)((4, 2)),
}


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize("kind", KINDS)
def test_values(kind, way):
    if (kind, way) == ("nothing", "constant"):
        return  # its shape is looked at first
    with pytest.raises(DtypeError, match=TOLD):
        WAYS_IN[way](KINDS[kind])


DTYPES = ["complex", "complex64", "complex128", complex, np.complex64, np.dtype("complex128"), "c8"]
TYPED = {
    "cast": lambda d: ops.cast(X, d),
    "astype": lambda d: Tensor(X).astype(d),
    "Tensor": lambda d: Tensor(X, d),
    "zeros": lambda d: ops.zeros(2, d),
    "arange": lambda d: ops.arange(3, dtype=d),
    "Variable": lambda d: Variable(1.0, dtype=d),
    "Input": lambda d: keras.Input((2,), dtype=d),
    "KerasTensor": lambda d: keras.KerasTensor((2,), d),
    "Dense": lambda d: layers.Dense(2, dtype=d),
    "add_weight": lambda d: layers.Layer().add_weight((2,), dtype=d),
    "policy": keras.config.set_dtype_policy,
    "random": lambda d: keras.random.normal((2,), dtype=d),
    "initializer": lambda d: keras.initializers.Zeros()((2,), dtype=d),
    "metric": lambda d: keras.metrics.Mean(dtype=d),
    "loss": lambda d: keras.losses.MeanSquaredError(dtype=d),
    "standardize_dtype": utils.standardize_dtype,
    "pad_sequences": lambda d: utils.pad_sequences([[1]], dtype=d),
    "img_to_array": lambda d: utils.img_to_array(np.zeros((2, 2, 3)), dtype=d),
}


@pytest.mark.parametrize("way", TYPED)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes(dtype, way):
    with pytest.raises(DtypeError, match=TOLD):
        TYPED[way](dtype)
    assert keras.config.dtype_policy().name == "float32"


# Every operation


def leaves(tree, path=()):
    if isinstance(tree, (list, tuple)):
        for i, branch in enumerate(tree):
            yield from leaves(branch, (*path, i))
    elif (
        isinstance(tree, (int, float, np.ndarray))
        and not isinstance(tree, bool)
        and np.asarray(tree).dtype.kind in "iuf"
    ):
        yield path, tree


def put(tree, path, new):
    if not path:
        return new
    branches = list(tree)
    branches[path[0]] = put(branches[path[0]], path[1:], new)
    return type(tree)(branches)


COMPUTING = [n for n in ROWS if n in FOUND and n.split(".")[0] not in ("tree", "utils")]  # others pass data on


@pytest.mark.parametrize("name", COMPUTING)
def test_operation(name):
    """Each number and array among its arguments, made complex."""

    def arguments():
        return eval(ROWS[name][0], {"np": np, "ops": ops}, names())

    def call(args):
        if name == "roll" and isinstance(args[1], np.generic):
            args = (args[0], args[1].item())
        return result(FOUND[name], args)

    for path, leaf in leaves(arguments()):
        z = np.asarray(leaf) + 1j
        data = isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"
        for given in (z[()], z.tolist()):
            with pytest.raises(AutonetError, match=TOLD if data and isinstance(given, np.ndarray) else "."):
                call(put(arguments(), path, given))


# Models and their surroundings


def model():
    made = keras.Sequential([layers.Dense(1)])
    made.compile("sgd", "mse")
    made.build((None, 2))
    return made


class Batches(keras.utils.PyDataset):
    def __init__(self, *batch):
        super().__init__()
        self.made = batch

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return self.made if len(self.made) > 1 else self.made[0]


DOORS = {
    "x": lambda: model().fit(Z, Y, verbose=0),
    "x, objects": lambda: model().fit(Z.astype(object), Y, verbose=0),
    "x, lists": lambda: model().fit(Z.tolist(), Y, verbose=0),
    "x by name": lambda: model().fit({"a": Z}, Y, verbose=0),
    "y": lambda: model().fit(X, Z[:, :1], verbose=0),
    "weights": lambda: model().fit(X, Y, sample_weight=Z[:, 0], verbose=0),
    "validation": lambda: model().fit(X, Y, validation_data=(Z, Y), verbose=0),
    "data set": lambda: model().fit(Batches(Z, Y), verbose=0),
    "data set, y": lambda: model().fit(Batches(X, Z[:, :1]), verbose=0),
    "rows": lambda: model().fit(Batches(Z, Y).unbatch().batch(3), verbose=0),
    "generator": lambda: model().fit(iter([(Z, Y)]), verbose=0),
    "windows": lambda: model().fit(utils.timeseries_dataset_from_array(Z, Y, 1), verbose=0),
    "evaluate": lambda: model().evaluate(Z, Y, verbose=0),
    "predict": lambda: model().predict(Z, verbose=0),
    "predict, batches": lambda: model().predict(np.tile(Z, (20, 1)), verbose=0),
    "predict_on_batch": lambda: model().predict_on_batch(Z),
    "train_on_batch": lambda: model().train_on_batch(Z, Y),
    "test_on_batch": lambda: model().test_on_batch(X, Z[:, :1]),
    "call": lambda: model()(Z),
    "layer": lambda: layers.Dense(3)(Z),
    "recurrent": lambda: layers.LSTM(2)(np.ones((2, 3, 2)) * 1j),
    "state": lambda: layers.GRU(2)(np.ones((2, 3, 2), "float32"), initial_state=np.ones((2, 2)) * 1j),
    "merged": lambda: layers.Add()([X, Z]),
    "embedded": lambda: layers.Embedding(3, 3)(Z),
    "a result": lambda: layers.Lambda(lambda t: np.fft.fft(np.asarray(t)))(X),
    "a traced result": lambda: layers.Lambda(lambda t: t * 1j)(keras.Input((2,))),
    "normalized": lambda: layers.Normalization(mean=1j, variance=1.0)(X),
    "adapt": lambda: layers.Normalization().adapt(Z),
    "adapt, data set": lambda: layers.Normalization().adapt(Batches(Z)),
    "bins": lambda: layers.Discretization(num_bins=2).adapt(Z),
    "numbers": lambda: layers.IntegerLookup().adapt(np.array([1j, 2])),
    "set_weights": lambda: model().set_weights([Z[:2, :1], np.zeros(1)]),
    "add_weight": lambda: layers.Layer().add_weight(
        (2,), initializer=lambda shape, dtype=None: np.ones(shape, complex)
    ),
    "gradients": lambda: keras.optimizers.SGD().apply([np.ones(2) * 1j], [Variable(np.ones(2, "float32"))]),
    "weighted metric": lambda: keras.metrics.Mean().update_state([1.0, 2.0], sample_weight=[1j, 1]),
    "jit": lambda: keras.jit(lambda t: t * 2)(Z),
    "in jit": lambda: keras.jit(lambda t: t * 2j)(X),
    "grad": lambda: keras.grad(lambda t: ops.sum(t))(Z),
    "cotangent": lambda: keras.vjp(lambda t: t * 2, X)[1](Z),
    "power": lambda: Tensor(X) ** 1j,
    "on the right": lambda: 1j ** Tensor(X),
    "compared": lambda: Tensor(X) == Z,
    "np.where": lambda: np.where(X > 0, Tensor(X), Z),
    "np.concatenate": lambda: np.concatenate([Tensor(X), Z]),
    "length": lambda: ops.zeros((np.complex128(2 + 1j),)),
    "quantile": lambda: ops.quantile(X, np.complex128(0.5 + 1j)),
    "mean of draws": lambda: keras.random.normal((2,), mean=1j),
    "np.normalize": lambda: utils.normalize(Z),
    "pad_sequences": lambda: utils.pad_sequences([[1j, 2], [1]]),
    "padding value": lambda: utils.pad_sequences([[1, 2], [1]], value=1j),
    "averages": lambda: utils.exponential_average(np.array([1j, 2]), 0.5),
    "picture": lambda: utils.img_to_array(np.ones((2, 2, 3), complex)),
    "to a picture": lambda: utils.array_to_img(np.ones((2, 2, 3)) * 1j),
}


@pytest.mark.parametrize("door", DOORS)
def test_door(door):
    with pytest.raises((DtypeError, DataError), match=TOLD):
        DOORS[door]()


@pytest.mark.extra("dev")
def test_tables():
    import pandas
    import polars

    for table in (
        pandas.DataFrame(Z),
        pandas.Series(Z[:, 0]),
        polars.DataFrame({"a": Z[:, 0]}, schema={"a": polars.Object}),
    ):
        with pytest.raises(DataError, match=TOLD):
            model().fit(table, Y, verbose=0)


def test_arrays_on_disk(tmp_path):
    np.save(tmp_path / "z.npy", Z)
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    for x in (mapped, utils.DiskArray(tmp_path / "z.npy"), utils.DiskDataset(tmp_path / "z.npy", Y)):
        with pytest.raises(DataError, match=TOLD):
            model().fit(x, None if isinstance(x, utils.PyDataset) else Y, verbose=0)


@pytest.mark.extra("keras")
def test_files_of_weights(tmp_path):
    """h5py writes complex numbers as pairs, for which files of weights have no use."""
    import h5py

    model().save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5") as good, h5py.File(tmp_path / "z.weights.h5", "w") as bad:
        found = []
        good.visititems(lambda name, thing: found.append(name) if isinstance(thing, h5py.Dataset) else None)
        kept = [name for name in found if name.startswith("layers")]
        for name in kept:
            bad[name] = good[name][()].astype("complex64")
    assert kept
    with pytest.raises(DataError, match="complex numbers"):
        model().load_weights(tmp_path / "z.weights.h5")


def test_an_imaginary_part_is_lost_nowhere():
    """NumPy drops it with a warning, which is an error inside the package."""
    lines = "import numpy as np, autonet.ops as ops; ops.top_k([1.0, 2.0], np.complex128(1 + 1j))"
    found = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True)
    assert found.returncode == 1 and TOLD in found.stderr.splitlines()[-1]


def test_the_advice_works():
    rng = np.random.default_rng(0)
    z = rng.standard_normal(8) + 1j * rng.standard_normal(8)
    channels = Tensor(np.stack([z.real, z.imag], -1))
    assert channels.shape == (8, 2)
    for found, expected in ((ops.fft((z.real, z.imag)), np.fft.fft(z)), (ops.rfft(z.real), np.fft.rfft(z.real))):
        np.testing.assert_allclose(np.asarray(found[0]) + 1j * np.asarray(found[1]), expected, atol=1e-6)


@pytest.mark.parametrize(
    "x, expected", [(1j, True), (1.0, False), (Z, True), (X, False), (np.array(["a", 1j], object), True)]
)
def test_holds_complex(x, expected):
    assert holds_complex(x) is expected

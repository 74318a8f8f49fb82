"""HessianFree: Newton's step on quadratics, damping, and what it refuses. More in test_searching.py."""

import numpy as np
import pytest

import autonet as keras
from autonet import layers, optimizers
from autonet.errors import ArgumentError
from autonet.variable import Variable


@pytest.fixture(autouse=True)
def no_machine_code(monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")


@pytest.mark.parametrize("n", [1, 3, 8])
def test_a_quadratic_is_solved_in_one_step_of_n_products(n, rng):
    root = rng.standard_normal((n, n))
    matrix, b = root @ root.T + np.eye(n), rng.standard_normal(n)
    w = Variable(rng.standard_normal(n))
    optimizer = optimizers.HessianFree(damping=0.0, curvature="hessian", tolerance=0.0)
    optimizer.minimize(lambda: (w @ (matrix @ w)) / 2 - (w * b).sum(), [w])
    assert np.allclose(w.numpy(), np.linalg.solve(matrix, b))
    assert n <= int(optimizer.products) <= n + 2  # and one for where the iterations begin; rounding may ask for another


@pytest.mark.parametrize("curvature", ["gauss_newton", "hessian"])
def test_least_squares_are_solved_in_one_step(curvature, rng):
    x, y = rng.standard_normal((50, 4)), rng.standard_normal((50, 2))
    dense = layers.Dense(2, dtype="float64")
    model = keras.Sequential([keras.Input((4,), dtype="float64"), dense])
    model.compile(optimizers.HessianFree(damping=0.0, curvature=curvature, tolerance=0.0), "mse")
    model.fit(x, y, batch_size=50, verbose=0)
    exact = np.linalg.lstsq(np.c_[x, np.ones(50)], y, rcond=None)[0]
    assert np.allclose(np.vstack(dense.get_weights()), exact, atol=1e-8)


def test_damping_follows_the_reduction_ratio(rng):
    w = Variable(np.ones(3))
    optimizer = optimizers.HessianFree(damping=1.0, curvature="hessian")
    optimizer.minimize(lambda: (w * w).sum(), [w])  # the quadratic is the function: rho = 1
    assert float(optimizer.damping) == pytest.approx(2 / 3)
    bent = Variable(np.full(1, 0.02))
    optimizer = optimizers.HessianFree(damping=0.0001, curvature="hessian")
    optimizer.minimize(
        lambda: (bent**4).sum() - (bent**2).sum() * 1e-5 + (0 * bent).sum() - (bent - 1).sum() * 1e-3, [bent]
    )
    assert float(optimizer.damping) in (pytest.approx(0.00015), pytest.approx(0.0001), pytest.approx(2 / 3 * 0.0001))


def test_steps_are_shorter_where_damping_is_larger():
    moved = []
    for damping in (0.0, 1.0, 100.0):
        w = Variable(np.ones(3))
        optimizers.HessianFree(damping=damping, curvature="hessian").minimize(lambda w=w: (w * w).sum(), [w])
        moved.append(1 - w.numpy()[0])
    assert moved == pytest.approx([1.0, 2 / 3, 2 / 102], rel=1e-5)  # 2 w / (2 + damping)


def test_negative_curvature_is_left_downhill():
    w = Variable(np.array([0.1, 0.1]))
    f = lambda: (w[0] ** 2 - w[1] ** 2) + 0.1 * w[1] ** 4  # a saddle; least at w_1 = sqrt(5)
    optimizer = optimizers.HessianFree(damping=0.1, curvature="hessian")
    losses = [float(optimizer.minimize(f, [w])) for _ in range(60)]
    assert (np.diff(losses) <= 0).all()
    assert np.allclose(np.abs(w.numpy()), [0.0, np.sqrt(5)], atol=1e-3)


def test_preconditioning_solves_the_same():
    w = Variable(np.ones(3), dtype="float64")
    scales = np.array([1.0, 10.0, 100.0])
    optimizer = optimizers.HessianFree(damping=0.0, curvature="hessian", precondition=True, tolerance=0.0)
    optimizer.minimize(lambda: (scales * w * w).sum() - (w * scales).sum(), [w])
    assert np.allclose(w.numpy(), 0.5, atol=1e-6)


def test_a_function_alone_has_no_gauss_newton_product():
    w = Variable(np.ones(2))
    with pytest.raises(ArgumentError, match='curvature="hessian"'):
        optimizers.HessianFree().minimize(lambda: (w * w).sum(), [w])
    assert w.numpy().tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "wrong",
    [{"curvature": "fisher"}, {"damping": -1.0}, {"tolerance": 2.0}, {"decay": -0.1}, {"cg_iterations": 0}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ArgumentError, match=f"expects {next(iter(wrong))}"):
        optimizers.HessianFree(**wrong)

"""The reverse walk: chains, uses, memory, what is freed, threads."""

import gc
import threading
import weakref

import numpy as np
import pytest

from autonet import Tensor, Variable, gradients, no_grad, ops
from autonet.core import is_recording, state
from autonet.errors import GradientError, ShapeError


def leaf(value):
    return Tensor(np.asarray(value, np.float64), requires_grad=True)


@pytest.fixture
def no_collector():
    """Whatever goes away now, goes by reference counts alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_gradient_of_one_number():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    assert not x.grad.requires_grad


def test_backward_calls_add_up():
    x = leaf(3.0)
    (x * x).backward()
    (2 * x).backward()
    assert x.grad.item() == 8.0
    x.grad = None
    (x * 1).backward()
    assert x.grad.item() == 1.0


def test_a_given_cotangent():
    x = leaf([1.0, 2.0])
    (x * x).backward([10.0, 100.0])
    assert x.grad.tolist() == [20.0, 400.0]
    with pytest.raises(ShapeError, match="shape"):
        (x * x).backward([1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="Reduce it"):
        (x * x).backward()


def test_a_value_used_many_times_accumulates_once_per_use():
    x = leaf(1.5)
    y = x * 2
    total = y
    for _ in range(99):
        total = total + y
    total.backward()
    assert x.grad.item() == 200.0


def test_diamonds_of_diamonds_cost_one_visit_per_node():
    x = leaf(1.0)
    y = x
    for _ in range(60):  # 2**60 paths
        y = y * 0.5 + y * 0.5
    y.backward()
    assert x.grad.item() == 1.0


def test_a_chain_of_100_000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1e-6
    y.backward()
    assert x.grad.item() == 1.0


def test_a_long_chain_that_is_dropped_does_not_recurse():
    y = leaf(1.0)
    for _ in range(100_000):
        y = y + 1e-6
    del y  # a recursion in the destructors would end the process


def test_second_derivative_through_a_long_chain():
    def f(x):
        for _ in range(500):
            x = x * 1.001
        return x * x

    assert float(gradients.grad(gradients.grad(f))(np.float64(2.0))) == pytest.approx(2 * 1.001**1000)


def test_the_record_is_freed_by_the_walk(no_collector):
    x = leaf(np.ones(3))
    middle = ops.exp(x)
    node = weakref.ref(middle)
    y = (middle * middle).sum()
    del middle
    assert node() is not None  # kept for the rule of multiply
    y.backward()
    assert node() is None, "the walk kept what it had passed"
    assert y._node is not None


def test_the_record_goes_with_its_last_result(no_collector):
    x = leaf(np.ones(3))
    y = ops.tanh(ops.exp(x) * 2).sum()
    inner = weakref.ref(y)
    middle = ops.exp(x)
    z = middle * middle
    held = weakref.ref(middle)
    del middle, y, z
    assert inner() is None and held() is None, "a reference cycle keeps the record alive"


def test_transforms_leave_no_cycle(no_collector):
    kept = []

    def f(x):
        y = ops.sin(x) * x
        kept.append(weakref.ref(y))
        return y.sum()

    x = np.ones(4)
    gradients.grad(f)(x)
    gradients.value_and_grad(f)(x)
    gradients.hvp(f, (x,), (x,))
    gradients.hessian(f)(x)
    gradients.jvp(f, (x,), (x,))
    out, pullback = gradients.vjp(f, x)
    pullback(1.0)
    del out, pullback
    assert len(kept) >= 6
    assert [r() for r in kept] == [None] * len(kept)
    assert gc.collect() == 0 or all(r() is None for r in kept)


def test_a_second_walk_over_a_freed_record_says_so():
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(GradientError, match="retain_graph"):
        y.backward()
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0


def test_two_results_that_share_a_freed_part():
    x = leaf(2.0)
    shared = ops.exp(x)
    (shared * 2).backward()
    with pytest.raises(GradientError, match="freed"):
        (shared * 3).backward()


def test_without_a_record_backward_says_so():
    with pytest.raises(GradientError, match="requires_grad"):
        (Tensor([1.0]) * 2).backward()
    with no_grad():
        y = leaf(1.0) * 2
    with pytest.raises(GradientError, match="no_grad"):
        y.backward()


def test_integers_and_comparisons_carry_no_record():
    x = leaf([1.0, 2.0])
    for y in (x > 1, ops.argmax(x), ops.cast(x, "int32"), ops.floor(x), ops.sign(x), ops.stop_gradient(x)):
        assert not y.requires_grad


def test_broadcasting_is_undone():
    x, y = leaf(np.ones((2, 1))), leaf(np.ones((3,)))
    (x * y).sum().backward()
    assert x.grad.tolist() == [[3.0], [3.0]]
    assert y.grad.tolist() == [2.0, 2.0, 2.0]
    z = leaf(5.0)
    (z * np.ones((0, 3))).sum().backward()
    assert z.grad.item() == 0.0


def test_gradients_keep_the_dtype_of_their_leaf():
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x * np.array([1.0, 2.0])).sum().backward()  # float64 downstream
    assert x.grad.dtype == "float32"


def test_a_result_that_is_not_used_gets_zeros():
    x = leaf(np.arange(4.0))
    first, _ = ops.split(x, 2)
    first.sum().backward()
    assert x.grad.tolist() == [1, 1, 0, 0]


def test_only_leaves_hold_a_grad():
    x = leaf(1.0)
    y = x * 2
    y.backward()
    with pytest.warns(UserWarning, match="computed, not a leaf"):
        assert y.grad is None
    with pytest.raises(GradientError, match="leaf"):
        y.grad = x


def test_inputs_may_change_after_the_forward_pass():
    """Arrays given by the caller are copied, so that the walk sees the values of the forward pass."""
    x, a = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    y = (x * a).sum()
    a[:] = 0
    y.backward()
    assert x.grad.tolist() == [3.0, 4.0]


def test_no_grad_as_a_block_and_as_a_decorator():
    x = leaf(1.0)

    @no_grad()
    def f():
        assert not is_recording()
        return x * 2

    assert not f().requires_grad
    with no_grad():
        assert not (x * 2).requires_grad
        with state.enable_grad():
            assert (x * 2).requires_grad
    assert is_recording()
    with pytest.raises(RuntimeError), no_grad():
        raise RuntimeError
    assert is_recording()


def test_one_no_grad_object_nests():
    guard = no_grad()
    with guard, guard:
        pass
    assert is_recording()


def test_grad_works_inside_no_grad():
    with no_grad():
        assert float(gradients.grad(lambda x: x * x)(3.0)) == 6.0


def test_threads_do_not_switch_each_other_off():
    inside, done = threading.Event(), threading.Event()
    found = []

    def other():
        inside.wait(5)
        found.append(is_recording())
        x = leaf(2.0)
        (x * x).backward()
        found.append(x.grad.item())
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        assert done.wait(5)
    thread.join()
    assert found == [True, 4.0]


def test_threads_differentiate_at_the_same_time():
    results = {}

    def work(k):
        x = np.linspace(0, 1, 50) * k
        for _ in range(20):
            results[k] = np.asarray(gradients.grad(lambda x: ops.sum(ops.sin(x) * x))(x))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k in range(1, 5):
        x = np.linspace(0, 1, 50) * k
        np.testing.assert_allclose(results[k], np.sin(x) + x * np.cos(x))


def test_memory_is_flat_over_many_steps():
    import tracemalloc

    x = leaf(np.ones(100))

    def steps(n):
        for _ in range(n):
            (ops.tanh(x * 2) * x).sum().backward()
            x.grad = None

    steps(50)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    steps(300)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 20_000


def test_threads_that_end_in_one_leaf_lose_no_gradient():
    leaf = Tensor(np.zeros((300, 300)), requires_grad=True)
    total = Variable(np.zeros(()))

    def work():
        for _ in range(30):
            ops.sum(leaf * 2.0).backward()
            total.assign_add(1.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(leaf.grad, 240.0)
    assert total.numpy() == 120

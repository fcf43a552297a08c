"""A tensor in NumPy code: operators, methods, NumPy's functions, reading."""

import operator

import numpy as np
import pytest

from grillyx import Tensor

A = np.array([[1.0, -2.0, 3.5], [4.0, 0.5, -6.0]], np.float32)
B = np.array([[2.0, 3.0, -1.5], [0.5, 2.0, 4.0]], np.float32)
OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.lt, operator.le,
    operator.gt, operator.ge, operator.eq, operator.ne,
]  # fmt: skip


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
@pytest.mark.parametrize("other", [B, B[0], 2, 2.5, np.float32(1.5), [1.0, 2.0, 3.0]], ids=str)
def test_operators_from_both_sides(op, other):
    plain = np.asarray(other)
    for got, want in ((op(Tensor(A), other), op(A, plain)), (op(other, Tensor(A)), op(plain, A))):
        assert isinstance(got, Tensor)
        assert got.dtype == (np.bool_ if want.dtype == np.bool_ else np.float32)
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-6, atol=1e-6)


def test_powers_products_signs_and_logic():
    t = Tensor(A)
    np.testing.assert_allclose((t**2).numpy(), A**2, rtol=1e-6)
    np.testing.assert_allclose((2.0**t).numpy(), 2.0**A, rtol=1e-5)
    np.testing.assert_allclose((abs(t) ** t).numpy(), abs(A) ** A, rtol=1e-5)
    np.testing.assert_array_equal((-t).numpy(), -A)
    np.testing.assert_array_equal((+t).numpy(), A)
    np.testing.assert_array_equal(abs(t).numpy(), abs(A))
    np.testing.assert_allclose((t @ B.T).numpy(), A @ B.T, rtol=1e-5)
    np.testing.assert_allclose((A @ Tensor(B).T).numpy(), A @ B.T, rtol=1e-5)
    low, high = Tensor(A > 0), Tensor(A < 3)
    np.testing.assert_array_equal((low & high).numpy(), (A > 0) & (A < 3))
    np.testing.assert_array_equal((low | high).numpy(), (A > 0) | (A < 3))
    np.testing.assert_array_equal((low ^ high).numpy(), (A > 0) ^ (A < 3))
    np.testing.assert_array_equal((~low).numpy(), A <= 0)
    for op in (operator.and_, operator.or_, operator.xor):
        for mask in (A < 3, (A[0] < 3).tolist(), True, np.False_):
            np.testing.assert_array_equal(op(low, mask).numpy(), op(A > 0, np.asarray(mask)))
            np.testing.assert_array_equal(op(mask, low).numpy(), op(np.asarray(mask), A > 0))


@pytest.mark.parametrize("op", [operator.and_, operator.or_, operator.xor, np.bitwise_and])
@pytest.mark.parametrize("other", [1, np.array([1, 2]), np.array([1.0, 2.0])], ids=str)
def test_bits_are_refused(op, other):
    """NumPy's operators work on bits here, which would silently be something else."""
    with pytest.raises(TypeError, match=r"Tensor: & \| \^ ~ combine booleans, got (int|float)"):
        op(Tensor([2, 3]), other)
    for same in (other, Tensor(other)):
        with pytest.raises(TypeError, match="combine booleans"):
            op(same, Tensor([True, False]))
    with pytest.raises(TypeError, match="combine booleans"):
        _ = ~Tensor([2, 3])


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
def test_integers_stay_exact(op):
    big = np.array([[2**24 + 1, -7, 3], [2**30, 0, -(2**24) - 1]])
    for other in (3, -2, np.array([5, -3, 2**24 + 1])):
        for got, want in ((op(Tensor(big), other), op(big, other)), (op(other, Tensor(big + 9)), op(other, big + 9))):
            if op is operator.mul:
                want = want.astype(np.int32)
            assert got.dtype.kind == want.dtype.kind
            np.testing.assert_allclose(got.numpy(), want, rtol=2e-7 if op is operator.truediv else 0)


@pytest.mark.parametrize(
    "function",
    [
        np.exp, np.sin, np.cos, np.tanh, np.sign, np.floor, np.ceil, np.square, np.absolute, np.negative, np.expm1, np.rint,
        np.sum, np.mean, np.var, np.std, np.max, np.min, np.argmax, np.argmin, np.ravel, np.transpose, np.ones_like,
        np.zeros_like, np.squeeze, lambda x: np.mean(x, axis=0), lambda x: np.sum(x, axis=1, keepdims=True),
        lambda x: np.add(x, B), lambda x: np.multiply(B, x), lambda x: np.maximum(x, 0.7), lambda x: np.clip(x, -1, 1),
        lambda x: np.reshape(x, (3, 2)), lambda x: np.concatenate([x, x], axis=1), lambda x: np.stack([x, B]),
        lambda x: np.where(x > 0, x, B), lambda x: np.full_like(x, 7.0), lambda x: np.expand_dims(x, 1),
        lambda x: np.var(x, axis=1, ddof=1), lambda x: np.std(x, 0, ddof=1, keepdims=True), lambda x: np.sum(x, 0, None, None, True),
        lambda x: np.transpose(x, axes=(1, 0)), lambda x: np.swapaxes(x, axis1=0, axis2=1), lambda x: np.clip(x, None, 1),
        lambda x: np.clip(x, a_min=-1, a_max=2), lambda x: np.max(x, axis=-1, keepdims=True), lambda x: np.argmin(x, 1),
        lambda x: np.ones_like(x, dtype=np.float32), lambda x: np.stack((x, x), -1), lambda x: np.amin(x, (0, 1)),
        lambda x: np.swapaxes(x, 0, 1), lambda x: np.broadcast_to(x, (4, 2, 3)), lambda x: np.take(x, [1, 0], axis=1),
    ],
)  # fmt: skip
def test_numpys_functions_stay_on_the_device(function):
    got = function(Tensor(A))
    assert isinstance(got, Tensor)
    np.testing.assert_allclose(got.numpy(), function(A), rtol=1e-5, atol=1e-6)


def test_functions_that_only_read_give_arrays():
    t = Tensor(A)
    assert np.allclose(t, A)
    assert np.array_equal(t, A)
    assert isinstance(np.unique(t), np.ndarray)
    assert np.median(t) == np.median(A)
    np.testing.assert_allclose(t, A)


@pytest.mark.parametrize(
    ("call", "name"),
    [(np.arctan2, "arctan2"), (np.linalg.norm, r"linalg\.norm"), (np.fft.fft, r"fft\.fft"), (np.cumsum, "cumsum")],
)
def test_what_is_not_there_says_so(call, name):
    arguments = (Tensor(A), Tensor(A)) if call is np.arctan2 else (Tensor(A),)
    with pytest.raises(TypeError, match=rf"np\.{name}: not available .* np\.asarray"):
        call(*arguments)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.exp(x, out=np.empty_like(A)), lambda x: np.add.reduce(x), lambda x: np.add(x, x, dtype=np.float64),
        lambda x: np.sum(x, dtype=np.float64), lambda x: np.sum(x, 0, np.float64), lambda x: np.max(x, initial=3.0),
        lambda x: np.mean(x, where=A > 0), lambda x: np.round(x, 2), lambda x: np.reshape(x, 6, order="F"),
        lambda x: np.concatenate([x, x], out=np.empty((4, 3), np.float32)), lambda x: np.where(x), lambda x: np.ones_like(x, shape=3),
    ],
)  # fmt: skip
def test_options_that_are_not_there_are_refused(call):
    with pytest.raises(
        TypeError, match=r"np\.\w+: not available for a Tensor on the device with these options; use np\.asarray"
    ):
        call(Tensor(A))


def test_nothing_is_written_to_a_copy():
    t, a = Tensor(A), np.zeros_like(A)
    with pytest.raises(TypeError, match=r"np\.copyto: not available"):
        np.copyto(t, B)
    np.copyto(a, t)
    np.testing.assert_array_equal(a, A)
    with pytest.raises(TypeError, match=r"np\.add: not available"):
        a += t


def test_one_element_becomes_a_number():
    t = Tensor([2.5])
    assert float(t) == 2.5
    assert int(t) == 2
    assert t.item() == 2.5
    assert f"{t:.3f}" == "2.500"
    assert f"{Tensor(A).mean():+.2e}" == f"{A.mean():+.2e}"
    assert bool(t)
    assert not Tensor(0.0)
    assert [10, 11, 12][Tensor(1)] == 11
    assert t.tolist() == [2.5]


@pytest.mark.parametrize("read", [float, int, bool, lambda t: t.item(), lambda t: f"{t:.2f}"])
def test_several_elements_do_not(read):
    with pytest.raises(ValueError, match=r"got shape \(2, 3\)"):
        read(Tensor(A))


def test_reading():
    t = Tensor(A)
    assert np.asarray(t).dtype == np.float32
    assert np.asarray(t, np.float64).dtype == np.float64
    assert np.array(t, dtype=int).tolist() == A.astype(int).tolist()
    assert len(t) == 2
    assert [row.numpy().tolist() for row in t] == A.tolist()
    assert (t.shape, t.ndim, t.size, t.nbytes) == ((2, 3), 2, 6, 24)
    assert "Tensor([[" in repr(t)
    assert "requires_grad=True" in repr(Tensor(A, requires_grad=True))
    with pytest.raises(TypeError, match="len"):
        len(Tensor(1.0))
    with pytest.raises(TypeError, match="only integers can be an index"):
        operator.index(Tensor(1.0))


def test_elements_are_not_assigned():
    t = Tensor(A)
    with pytest.raises(TypeError, match=r"where, or copy_"):
        t[0, 0] = 1.0
    t.copy_(B)
    np.testing.assert_array_equal(t.numpy(), B)


def test_a_tensor_is_a_key_by_identity():
    a, b = Tensor(A), Tensor(A)
    assert len({a: 1, b: 2}) == 2


def test_what_can_be_read_becomes_a_tensor():
    class Foreign:  # such as a torch CPU tensor that requires a gradient
        def detach(self):
            return self

        def cpu(self):
            return self

        def numpy(self):
            return A

    class OnlyDlpack:
        def __dlpack__(self, **options):
            return A.__dlpack__(**options)

        def __dlpack_device__(self):
            return A.__dlpack_device__()

    for data in (
        A.tolist(),
        Foreign(),
        OnlyDlpack(),
        A[::-1],
        np.asfortranarray(A),
        A.astype(">f8"),
        [Tensor(A[0]), Tensor(A[1])],
    ):
        want = A[::-1] if isinstance(data, np.ndarray) and data.strides[0] < 0 else A
        np.testing.assert_array_equal(Tensor(data).numpy(), want)
    with pytest.raises(ValueError, match="different lengths"):
        Tensor([[1.0], [1.0, 2.0]])


def test_names_of_torch():
    t = Tensor(A)
    assert (t.numel(), t.dim()) == (A.size, A.ndim)
    assert not hasattr(t, "cpu")
    with pytest.raises(AttributeError, match=r"'Tensor' object has no attribute 'cuda': all tensors are on one device"):
        t.cuda()
    with pytest.raises(AttributeError, match=r"no attribute 'wrong'$"):
        _ = t.wrong

"""torch's names for NumPy's arguments."""

import inspect

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import Tensor

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "argmax", "argmin", "logsumexp"])
def test_functions_take_both_names(name):
    ours, theirs = getattr(F, name)(X, axis=1, keepdims=True), getattr(F, name)(X, dim=1, keepdim=True)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert theirs.shape == (2, 1)


def test_more_functions():
    t = Tensor(X)
    np.testing.assert_array_equal(F.softmax(X, dim=0).numpy(), F.softmax(X, axis=0).numpy())
    np.testing.assert_array_equal(F.log_softmax(X, dim=0).numpy(), F.log_softmax(X, 0).numpy())
    assert F.cat([X, X], dim=1).shape == (2, 6)
    assert F.stack([X, X], dim=2).shape == (2, 3, 2)
    assert F.gather(X, dim=1, index=np.zeros((2, 1), np.int64)).shape == (2, 1)
    assert t.unsqueeze(dim=0).squeeze(dim=0).shape == (2, 3)
    np.testing.assert_array_equal(t.mean(dim=0).numpy(), X.mean(axis=0))


def test_where_torch_differs_it_says_so():
    t = Tensor(X)
    with pytest.raises(TypeError, match=r"values only.*argmax"):
        t.max(dim=0)
    for call in (t.var, t.std, lambda **options: F.var(X, **options)):
        with pytest.raises(TypeError, match=r"correction is 0"):
            call(dim=0)


def test_not_both():
    with pytest.raises(TypeError, match="both dim and axis"):
        F.sum(X, dim=0, axis=0)


def test_the_signature_stays():
    assert list(inspect.signature(F.sum).parameters) == ["x", "axis", "keepdims"]

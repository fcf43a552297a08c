"""Layers of torch by stand-ins: classes with the module, the name and the attributes of torch's, and tensors as NumPy has them."""

import sys

import numpy as np
import pytest

from grillyx import nn
from grillyx.convert import from_torch


class Values:
    """What is read of a torch tensor."""

    def __init__(self, array, requires_grad=False):
        self.array, self.requires_grad, self.dtype = array, requires_grad, f"torch.{array.dtype}"

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.array


class Base:
    """What is read of a torch module."""

    training = False

    def __init__(self, parameters=(), buffers=(), parts=(), **attributes):
        self._modules, self._parameters, self._buffers = dict(parts), dict(parameters), dict(buffers)
        vars(self).update(self._parameters | self._buffers | attributes)

    def named_parameters(self, recurse=True):
        return self._parameters.items()

    def named_buffers(self, recurse=True):
        return self._buffers.items()

    def children(self):
        return self._modules.values()


def standin(name, **options):
    return type(name, (Base,), {"__module__": "torch.nn.modules.some"})(**options)


def array(*shape, dtype=np.float32):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(dtype)


def linear(a, b, dtype=np.float32):
    weights = {"weight": Values(array(b, a, dtype=dtype), True), "bias": Values(array(b, dtype=dtype))}
    return standin("Linear", parameters=weights, in_features=a, out_features=b)


def test_a_sequential():
    first, last = linear(3, 4), linear(4, 2, np.float64)
    relu = standin("ReLU", inplace=True)
    inner = standin("Sequential", parts={"0": relu, "again": last})
    out = from_torch(standin("Sequential", parts={"0": first, "1": relu, "2": inner}))
    x = array(5, 3)
    hidden = np.maximum(x @ first.weight.array.T + first.bias.array, 0)
    want = np.maximum(hidden, 0) @ last.weight.array.T + last.bias.array
    np.testing.assert_allclose(out(x), want, 1e-5, 1e-5)
    assert list(out.state_dict()) == ["0.weight", "0.bias", "2.again.weight", "2.again.bias"]
    assert sum(isinstance(m, nn.ReLU) for m in out.modules()) == 2
    assert [p.requires_grad for p in out.parameters()] == [True, False] * 2
    assert not any(m.training for m in out.modules())


def test_a_norm_and_its_statistics():
    tensors = {k: Values(array(3) ** 2) for k in ("weight", "bias", "running_mean", "running_var")}
    norm = standin(
        "BatchNorm2d", parameters={k: tensors[k] for k in ("weight", "bias")},
        buffers={k: tensors[k] for k in ("running_mean", "running_var")} | {"num_batches_tracked": Values(np.array(7))},
        num_features=3, eps=0.1, momentum=None, affine=True, track_running_stats=True,
    )  # fmt: skip
    out, x = from_torch(norm), array(2, 3, 4, 4)
    a = {k: t.array.reshape(-1, 1, 1) for k, t in tensors.items()}
    want = (x - a["running_mean"]) / np.sqrt(a["running_var"] + 0.1) * a["weight"] + a["bias"]
    np.testing.assert_allclose(out(x), want, 1e-5, 1e-5)
    assert (out.momentum, int(out.num_batches_tracked)) == (None, 7)


def test_what_is_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"0\.in \(CELU\): this layer is not supported"):
        from_torch(standin("Sequential", parts={"0": standin("Sequential", parts={"in": standin("CELU")})}))
    wrong = linear(3, 4)
    wrong.in_features = 5
    with pytest.raises(
        ValueError, match=r"the model \(Linear\): weight has the wrong shape, got \(4, 3\); expected \(4, 5\)"
    ):
        from_torch(wrong)
    more = linear(3, 4)
    more._parameters["weight_g"] = Values(array(4))
    with pytest.raises(
        ValueError, match=r"got the tensors \['bias', 'weight', 'weight_g'\]; expected \['bias', 'weight'\]"
    ):
        from_torch(more)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    own = type("Own", (type(linear(3, 4)),), {"__module__": "user", "forward": lambda self, x: x})()
    with pytest.raises(ValueError, match=r"\(Own\): it has a forward of its own, which only torch\.fx can trace"):
        from_torch(own)

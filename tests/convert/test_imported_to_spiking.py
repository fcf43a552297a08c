"""What was imported becomes spiking: a residual net of an ONNX file."""

from pathlib import Path

import numpy as np

from grillyx.convert import Converter, from_onnx

DATA = Path(__file__).parent.parent / "data"


def test_a_residual_net_of_a_file():
    x = np.random.default_rng(0).standard_normal((32, 2, 8, 8)).astype(np.float32)
    net = from_onnx(DATA / "residual.onnx")
    want = net(x).numpy()
    snn = Converter(net, data=x, progress=False).convert()
    near, nearer = (np.abs(snn.simulate(x, T=T).numpy() - want).mean() for T in (16, 256))
    assert nearer < 0.3 * near
    assert nearer < 0.1 * want.std(0).mean()

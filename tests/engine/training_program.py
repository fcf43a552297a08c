"""Uses the core of grillyx once, and prints a digest of all numbers. Run by test_modes.py in many ways."""

import hashlib
import os

import numpy as np

import grillyx
import grillyx.functional as F
from grillyx import nn, optim
from grillyx.engine import pool

if os.environ.get("APART"):  # a buffer for each tensor
    pool._FIRST_ARENA = pool._LARGEST_ARENA = 0
rng = np.random.default_rng(0)
grillyx.manual_seed(int(os.environ.get("SEED", "1")))
model = nn.Sequential(
    nn.SeqToANNContainer(nn.Linear(13, 20), nn.Dropout(0.2)),
    nn.ParametricLIFNode(step_mode="m"),
    nn.SeqToANNContainer(nn.Linear(20, 7), nn.Tanh()),
    nn.LIFNode(step_mode="m", v_reset=None, store_v_seq=True),
)
optimizer = optim.AdamW(model.parameters(), lr=0.01)
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
sha = hashlib.sha256()
for _ in range(6):
    x = F.poisson_encode(rng.random((9, 13)), 5)
    F.reset_net(model)
    rate = model(x).mean(axis=0)
    loss = loss_fn(rate, rng.integers(0, 7, 9)) + 0.01 * model[3].v_seq.square().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    sha.update(np.asarray(loss).tobytes())
images = grillyx.Tensor(rng.random((2, 3, 6, 6)), requires_grad=True)
pooled = F.max_pool2d(images, 2).transpose(0, 2, 3, 1)[:, ::-1]
score = F.softmax(pooled @ rng.random((3, 4)), axis=-1).max(axis=-1).sum() + F.take(pooled, [1, 0, 1], 3).mean()
score.backward()
for value in (*model.state_dict().values(), np.asarray(images.grad), np.asarray(grillyx.randn(11))):
    sha.update(np.ascontiguousarray(value).tobytes())
print("digest", sha.hexdigest())

"""Optimizers, learning-rate schedules and gradient clipping, with torch's names, defaults and numbers."""

from grillyx.optim._adam import Adam, AdamW
from grillyx.optim._clip import clip_grad_norm_, clip_grad_value_
from grillyx.optim._optimizer import Optimizer
from grillyx.optim._rmsprop import RMSprop
from grillyx.optim._sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_grad_norm_", "clip_grad_value_"]

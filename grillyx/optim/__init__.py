"""Optimizers, learning-rate schedules and gradient clipping, with torch's names, defaults and numbers."""

from grillyx.optim import lr_scheduler
from grillyx.optim._adam import Adam, AdamW
from grillyx.optim._clip import clip_grad_norm_, clip_grad_value_
from grillyx.optim._optimizer import Optimizer
from grillyx.optim._rmsprop import RMSprop
from grillyx.optim._sgd import SGD
from grillyx.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

__all__ = [
    "SGD", "Adam", "AdamW", "ConstantLR", "CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR",
    "MultiStepLR", "OneCycleLR", "Optimizer", "RMSprop", "ReduceLROnPlateau", "SequentialLR", "StepLR",
    "clip_grad_norm_", "clip_grad_value_", "lr_scheduler",
]  # fmt: skip

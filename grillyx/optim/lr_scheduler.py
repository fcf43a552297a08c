"""Learning-rate schedules, with torch's names, arguments and numbers.

Examples:
    >>> import grillyx
    >>> from grillyx import optim
    >>> optimizer = optim.SGD([grillyx.Tensor([1.0], requires_grad=True)], lr=0.8)
    >>> scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for epoch in range(4):
    ...     optimizer.step()  # after loss.backward()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.2]
"""

from grillyx.optim._one_cycle import OneCycleLR
from grillyx.optim._plateau import ReduceLROnPlateau
from grillyx.optim._scheduler import LRScheduler
from grillyx.optim._schedules import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    StepLR,
)
from grillyx.optim._sequential import SequentialLR

__all__ = [
    "ConstantLR", "CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR",
    "OneCycleLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip

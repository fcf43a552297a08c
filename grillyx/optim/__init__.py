"""Optimizers, learning-rate schedules and gradient clipping, with torch's names, defaults and numbers."""

from grillyx.optim._clip import clip_grad_norm_, clip_grad_value_

__all__ = ["clip_grad_norm_", "clip_grad_value_"]

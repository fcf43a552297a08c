"""What torch keeps in ``torch.nn.utils``."""

from grillyx.optim import clip_grad_norm_, clip_grad_value_

__all__ = ["clip_grad_norm_", "clip_grad_value_"]

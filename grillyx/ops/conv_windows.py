"""Where the windows of a convolution lie."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

Pair = tuple[int, int]
_MOST_TAPS = 7  # kernel columns that a thread does at once


@dataclass(frozen=True)
class Windows:
    """Where the windows of a convolution lie.

    Attributes:
        channels: of what the windows lie in.
        groups: into which the channels fall.
        size: height and width of what they lie in.
        out: how many there are, down and across.
        kernel: height and width of a window.
        stride, dilation: from window to window, and from element to element of one.
        padding: rows above and columns to the left; what lies beyond the other ends follows from `out`.
    """

    channels: int
    groups: int
    size: Pair
    out: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair

    @property
    def depth(self) -> int:
        """Elements of a window, over all channels of a group."""
        return self.channels // self.groups * math.prod(self.kernel)

    @property
    def plain(self) -> bool:
        """Whether rows can be moved by quads."""
        reach = self.kernel[1] + self.dilation[1]
        return self.stride[1] == 1 and self.size[1] % 4 == self.out[1] % 4 == 0 and reach <= _MOST_TAPS + 4

    def flattened(self) -> Windows:
        """Return the same windows in one row, if each is one element and all have one."""
        one = self.kernel == self.stride == (1, 1) and self.padding == (0, 0) and self.size == self.out
        row = 1, math.prod(self.size)
        return replace(self, size=row, out=row) if one else self

    def evened(self) -> Windows:
        """Return the same windows, and more of them, with rows of whole quads."""
        size, out = (self.size[0], -(-self.size[1] // 4) * 4), (self.out[0], -(-self.out[1] // 4) * 4)
        return replace(self, size=size, out=out)

    def numbers(self) -> dict[str, int]:
        """Return the push constants of `unfold.glsl` that are the same for all pieces."""
        pairs = {"": self.size, "k": self.kernel, "s": self.stride, "p": self.padding, "d": self.dilation}
        named = {f"{name}{axis}": v for name, both in pairs.items() for axis, v in zip("hw", both, strict=True)}
        return {"k": self.depth, "cg": self.channels // self.groups, "channels": self.channels, **named}

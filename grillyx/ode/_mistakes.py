"""Which of a model's expressions does not compile."""

from __future__ import annotations

import re

from grillyx.engine.compile import ShaderError, find_compiler
from grillyx.engine.kernel import Kernel
from grillyx.ode._equations import Dynamics, expressions
from grillyx.ops.ode_rk import Model

_MACROS = {"spike": "USER_SPIKE", "refractory": "USER_HOLD"}
_FOLLOWS = ("not allowed in nested scope", "compilation terminated")  # from a mistake before


def compiled(dynamics: Dynamics) -> Kernel:
    """Return the shader of a model.

    Raises:
        ShaderError: there is no compiler, or an expression does not compile; it is named, with the compiler's own message.
    """
    try:
        return dynamics.model.kernel()
    except ShaderError as error:
        found = _found(type(dynamics)) if find_compiler() and dynamics.model.line is None else None
        if found is None:
            raise
        name = type(dynamics).__name__
        raise ShaderError(f"{name}: {found}. The compiler says:\n{_said(str(error))}") from None


def _found(cls: type[Dynamics]) -> str | None:
    """Compile the expressions one by one, and tell which is wrong; None if each by itself is right."""
    blank = {f"USER_{k}": text for k, text in cls.macros().items()}
    blank |= {"USER_DERIVE": "", "USER_SPIKE": "-1.0", "USER_RESET": "", "USER_HOLD": "0.0"}
    if not _compiles(cls, blank):
        return (
            f"a name does not compile, got {[*cls.derivative, *cls.parameters]}; expected none that GLSL has a use for"
        )
    for what, line in expressions(cls):
        text = " ".join(line.split())
        if what in _MACROS:
            alone = {_MACROS[what]: text}
        elif what.startswith("the derivative"):
            alone = {"USER_DERIVE": f"d[0] = {text};"}
        else:
            alone = {"USER_RESET": f"r[0] = {text};"}
        if text and not _compiles(cls, blank | alone):
            return f"{what} does not compile, got {line!r}; expected an expression of GLSL for a float"
    return None


def _compiles(cls: type[Dynamics], macros: dict[str, str]) -> bool:
    try:
        Model(None, len(cls.derivative), tuple(macros.items())).kernel()
    except ShaderError:
        return False
    return True


def _said(output: str) -> str:
    """Return the compiler's complaints, without places in a file that its reader does not have, and what follows from the first."""
    lines = re.findall(r"^ERROR: [^\n]*?:\d+: (.*?)\s*$", output, re.MULTILINE)
    kept = [line for line in lines if not any(words in line for words in _FOLLOWS)]
    return "\n".join(f"  {line.removeprefix(chr(39) * 2 + ' : ').strip()}" for line in kept) or output

"""The layers of the package import only from those above them, and one module alone knows kp."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "grillyx"
ORDER = [
    "engine",
    "ops",
    "autograd",
    "functional",
    "random",
    "optim",
    "nn",
    "learning",
    "graph",
    "ode",
    "fractional",
    "io",
    "sim",
    "plot",
    "convert",
]
# the methods of a tensor call functional, but only when they run
ALLOWED = {("_methods.py", "functional"), ("_numpy_face.py", "functional"), ("kompute.py", "_vendor")}
ALLOWED |= {("__init__.py", "convert")}  # nn.Converter, which the pages of others import, is looked up when it is used
FILES = sorted(p for p in PACKAGE.rglob("*.py") if "_vendor" not in p.parts)


def layer(dotted: str) -> str | None:
    parts = dotted.split(".")
    if parts[0] != "grillyx" or len(parts) < 2:
        return None
    return parts[1]


def imports(path: Path) -> list[tuple[str, bool]]:
    """Return the modules that a file imports, and whether it does so at its top."""
    tree = ast.parse(path.read_text())
    top = set(map(id, tree.body))
    out = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            out += [(alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "grillyx" else [node.module]
            out += [(name, id(node) in top) for name in names]
    return out


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_upwards(path):
    own = layer("grillyx." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts))
    if own not in ORDER:
        return  # the outside world: __init__, __main__, plot, datasets
    for name, _ in imports(path):
        other = layer(name)
        if other is None or other == own:
            continue
        if (path.name, other) in ALLOWED:
            continue
        assert other in ORDER, f"{path.name} imports {name}"
        assert ORDER.index(other) < ORDER.index(own), f"{path.name} ({own}) imports {name}"


def test_one_module_imports_kp():
    assert [
        p.name for p in FILES if any(n.split(".")[-1] == "kp" or n == "grillyx._vendor" for n, _ in imports(p))
    ] == ["kompute.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_is_one_concept(path):
    assert len(path.read_text().splitlines()) <= 300

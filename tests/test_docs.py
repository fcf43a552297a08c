"""Everything that README, docs and docstrings show is run, and what they name exists.

In README.md and docs/: each ``python`` block runs, and each ``pycon`` block must print what it shows; the blocks of a
page share one namespace, in order, and an empty folder. A ``glsl`` block titled ``shaders/NAME.comp`` is a shader that
the page's later blocks can use.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import convert, graph, nn, ode, optim, plot
from grillyx.engine import kernel

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)(?P<options>[^\n]*)\n(?P<body>.*?)^(?P=indent)```$", re.M | re.S
)
DOCTEST = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    language: str
    options: str
    body: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start("body"))
        yield Block(found["language"], found["options"], textwrap.dedent(found["body"]), line)


def languages(page: Path) -> set[str]:
    return {block.language for block in blocks(page)}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def run_doctest(text: str, namespace: dict[str, Any], name: str, line: int) -> None:
    examples = doctest.DocTestParser().get_doctest(text, namespace, name, name, line)
    out: list[str] = []
    doctest.DocTestRunner(optionflags=DOCTEST).run(examples, out=out.append, clear_globs=False)
    assert not out, "".join(out)
    namespace.update(examples.globs)


@pytest.fixture
def shaders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shaders for a page, with the includes of the real one."""
    source = tmp_path / "shaders"
    shutil.copytree(ROOT / "shaders" / "include", source / "include")
    for shader in (ROOT / "shaders").glob("*.comp"):
        (source / shader.name).symlink_to(shader)
    compiled = shutil.copytree(kernel._SPIRV, tmp_path / "_spirv")
    monkeypatch.setattr(kernel, "_SOURCES", source)
    monkeypatch.setattr(kernel, "_SPIRV", compiled)
    return source


@pytest.mark.parametrize("page", [p for p in PAGES if {"python", "pycon"} & languages(p)], ids=name_of)
def test_snippets(page: Path, shaders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    if page.name == "devices.md" and grillyx.current_device().sync == "submit":
        pytest.skip("the page counts what one submit a step takes")
    for block in blocks(page):
        shader = re.search(r'title="shaders/(\w+\.comp)"', block.options)
        if block.language == "python":
            code = ast.parse(block.body, name_of(page))
            ast.increment_lineno(code, block.line)
            exec(compile(code, page, "exec"), namespace)
        elif block.language == "pycon":
            run_doctest(block.body, namespace, name_of(page), block.line)
        elif shader:
            target = shaders / shader[1]
            target.unlink(missing_ok=True)  # never through the link to a shader of that name
            target.write_text(block.body)
    if page.name == "README.md":
        assert namespace["right"].mean() > 0.94


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_are_read_whole(page: Path) -> None:
    text = page.read_text()
    assert len(list(blocks(page))) == text.count("```") / 2, "a fence without a language, or one that is not closed"
    # a link to a file of this repository; those to pages and headings are checked by `./dev docs`
    prose = re.sub(r"`[^`\n]+`", "", FENCE.sub("", text))
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", prose):
        assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"
    for command in re.findall(r"\./dev (\w+)", text):
        assert re.search(rf"^    {command}\b", (ROOT / "dev").read_text(), re.M), f"{name_of(page)}: ./dev {command}"


def examples_in_docstrings() -> Iterator[Any]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    for found in pkgutil.walk_packages(grillyx.__path__, "grillyx."):
        if "_vendor" in found.name or found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for test in finder.find(module, module=module):
            if test.examples:
                yield pytest.param(test, id=test.name)


@pytest.mark.parametrize("test", list(examples_in_docstrings()))
def test_docstrings(test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known = {"np": np, "grillyx": grillyx, "F": F, "nn": nn, "optim": optim}
    test.globs = {**known, **test.globs}
    out: list[str] = []
    doctest.DocTestRunner(optionflags=DOCTEST).run(test, out=out.append)
    assert not out, "".join(out)


def test_every_switch_is_documented() -> None:
    sources = [*(ROOT / "grillyx").rglob("*.py"), ROOT / "dev", ROOT / "hatch_build.py"]
    switches = {name for path in sources for name in re.findall(r"\bGRILLYX_[A-Z]+\b", path.read_text())}
    page = (ROOT / "docs" / "devices.md").read_text()
    assert [s for s in sorted(switches) if f"`{s}" not in page] == []


@pytest.mark.parametrize(
    "module", [grillyx, nn, F, optim, convert, graph, graph.datasets, ode, plot], ids=lambda m: m.__name__
)
def test_everything_public_is_in_the_reference(module: Any) -> None:
    reference = "".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    for name in module.__all__:
        thing = getattr(module, name)
        assert (thing.__doc__ or "").strip(), f"{name} has no docstring"
        home = getattr(thing, "__module__", None)  # a module such as nn.utils only gathers names
        if home is not None:
            section = re.search(rf"^::: {re.escape(home)}\n(    .*\n)*", reference, re.M)
            assert section, f"{home}, where {name} is, has no section in docs/api"
            chosen = re.search(r"members: \[(.*)\]", section[0])
            assert chosen is None or name in chosen[1].split(", "), f"{name} is not among the members of {home}"

"""Tests of the documents: links, commands, options and Python blocks are valid."""

from __future__ import annotations

import ast
import importlib
import shlex
from pathlib import Path
from urllib.parse import unquote

import pytest
from command_lines import COMMANDS, command_lines, fault, unknown_options
from markdown_files import ROOT, Document, documents

pytestmark = pytest.mark.filterwarnings("ignore:get_parser:DeprecationWarning")

DOCUMENTS = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in documents()]


def broken_links(document: Document) -> list[str]:
    """List relative links to a missing file or heading."""
    faults = []
    for number, link in document.links():
        if ":" in link.split("/")[0]:  # https:, mailto:
            continue
        file, _, anchor = unquote(link).partition("#")
        target = document.path.parent / file if file else document.path
        if not target.exists():
            faults.append(f"line {number}: {link}: no such file")
        elif anchor and target.suffix == ".md" and anchor not in Document.read(target).anchors():
            faults.append(f"line {number}: {link}: no such heading")
    return faults


def wrong_commands(document: Document) -> list[str]:
    """List commands of bash blocks that do not exist or refuse their arguments."""
    return [
        f"line {block.first + line}: {text}"
        for block in document.blocks
        if block.language in ("bash", "sh")
        for line, words in command_lines(block.text)
        if (text := fault(words))
    ]


def wrong_options(document: Document) -> list[str]:
    """List missing options of this package's commands, in the text or in blocks without a language."""
    if document.path.name == "CHANGELOG.md":  # names options that went
        return []
    lines = [*document.code_spans()]
    lines += [(b.first + i, line) for b in document.blocks if not b.language for i, line in enumerate(b.lines)]
    named = [(number, line) for number, line in lines if line.split(" ")[0] in COMMANDS and "--" in line]
    return [f"line {number}: {text}" for number, line in named for text in unknown_options(shlex.split(line))]


def wrong_python(document: Document) -> list[str]:
    """List Python blocks that do not compile, and their imports that fail."""
    faults = []
    for block in document.blocks:
        if block.language != "python":
            continue
        try:
            tree = ast.parse(block.text)
        except SyntaxError as error:
            faults.append(f"line {block.first + (error.lineno or 1) - 1}: {error.msg}")
            continue
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        faults += [f"line {block.first + i.lineno - 1}: {text}" for i in imports if (text := _import_fault(i))]
    return faults


def _import_fault(statement: ast.Import | ast.ImportFrom) -> str:
    try:
        if isinstance(statement, ast.Import):
            for name in statement.names:
                importlib.import_module(name.name)
            return ""
        module = importlib.import_module(statement.module or "")
    except ImportError as error:
        return str(error)
    missing = [name.name for name in statement.names if not hasattr(module, name.name)]
    return f"{statement.module} has no {', '.join(missing)}" if missing else ""


@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.parametrize("faults", [broken_links, wrong_commands, wrong_options, wrong_python])
def test_documents_hold(path: Path, faults) -> None:
    found = faults(Document.read(path))
    assert not found, "\n".join(found)


FAULTY = """# A heading, `code` & more
[a](nowhere.md) [b](#a-heading) ![c](picture.png) <a href="gone.html">d</a> `[e](code.md)`
[f]: other.md
[g](#a-heading-code--more) [h](https://example.org/x) [i](good.md#there) [j](good.md#not-there)
`evaluate_bag --no-such-thing` `vlocnet_train --steps`
```bash
evaluate_bag drive --output report   # good
CUDA_VISIBLE_DEVICES=0 .venv/bin/evaluate_bag drive --outptu report
evaluate_bag drive --threads many
vlocnet_train_schedule --train drive && dmn_trian drive
recording_check \\
    --mount 0 0
make demo && make coffee
ros2 launch deep_localization localization.launch.py rviz:=true imgae:=/camera
ros2 launch deep_localization nothing.launch.py
ros2 run deep_localization nothing
python examples/localize_images.py drive --frmes 3
python benchmarks/nothing.py
python -m vlocnet_ros.nothing
vlocnet_train --train drive --output a.safetensors --batch 3
```
```python
import nothing_of_that_name
from localization_common.datasets.opening import open_sequence, open_sesame
```
```python
open_sequence(
```
"""


@pytest.fixture
def faulty(tmp_path: Path) -> Document:
    (tmp_path / "good.md").write_text("# There\n")
    (tmp_path / "faulty.md").write_text(FAULTY)
    return Document.read(tmp_path / "faulty.md")


def test_broken_links_are_found(faulty: Document) -> None:
    found = [text.split(": ")[1] for text in broken_links(faulty)]
    assert found == ["nowhere.md", "#a-heading", "picture.png", "gone.html", "other.md", "good.md#not-there"]


def test_wrong_commands_are_found(faulty: Document) -> None:
    found = {text.partition(": ")[0].removeprefix("line "): text for text in wrong_commands(faulty)}
    parts = {
        8: "--outptu", 9: "threads", 10: "dmn_trian", 11: "--mount", 13: "make: no target coffee",
        14: "no argument imgae", 15: "no file nothing.launch.py", 16: "no executable nothing",
        17: "localize_images.py: no option --frmes", 18: "no file benchmarks/nothing.py",
        19: "no module vlocnet_ros.nothing", 20: "batch: 3 must be even",
    }  # fmt: skip
    assert list(found) == [str(line) for line in parts]
    for line, part in parts.items():
        assert part in found[str(line)]
    assert any("output: name" in text for text in wrong_commands(faulty) if text.startswith("line 10:"))


def test_wrong_options_in_the_text_are_found(faulty: Document) -> None:
    assert wrong_options(faulty) == [
        "line 5: evaluate_bag: no option --no-such-thing",
        "line 5: vlocnet_train: no option --steps",
    ]


def test_wrong_python_is_found(faulty: Document) -> None:
    first, second, third = wrong_python(faulty)
    assert "nothing_of_that_name" in first
    assert second.endswith("localization_common.datasets.opening has no open_sesame")
    assert "never closed" in third

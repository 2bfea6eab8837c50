"""Tests of docs/commands.md: it has every command with its options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deep_localization.command_reference import COMMANDS, render

ROOT = Path(__file__).resolve().parents[2]
NODES = {"vlocnet", "dmn", "localization", "apartment_camera", "rerun_viewer"}


@pytest.mark.filterwarnings("ignore:get_parser:DeprecationWarning")
def test_the_page_is_what_the_code_renders() -> None:
    stale = "docs/commands.md is stale: python -m deep_localization.command_reference docs/commands.md"
    assert (ROOT / "docs" / "commands.md").read_text() == render(), stale


def test_every_console_script_that_is_no_node_is_described() -> None:
    scripts = set(re.findall(r'"(\w+) = [\w.]+:\w+"', (ROOT / "setup.py").read_text()))
    assert scripts - NODES == set(COMMANDS)


def test_options_are_listed_with_default_and_meaning() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert "| `--filter.update-min-a` | `0.1` | motion after which an image is weighed, metres and radians. |" in page
    assert "| `--live` `--no-live` | `False` | replay the recording through the nodes" in page

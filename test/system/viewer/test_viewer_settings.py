"""Tests of the documents of the node rerun_viewer."""

from __future__ import annotations

import json
from pathlib import Path

from deep_localization.viewer.settings import ViewerSettings
from localization_common.ros.parameter_fields import declarations

PAGE = Path(__file__).parents[3] / "docs" / "viewers.md"


def test_the_page_lists_every_parameter_with_its_default_and_meaning() -> None:
    lines = PAGE.read_text().splitlines()
    for declaration in declarations(ViewerSettings):
        row = f"| `{declaration.name}` | {type(declaration.default).__name__} | `{json.dumps(declaration.default)}` |"
        (line,) = [line for line in lines if line.startswith(row)]
        assert line.endswith(f"| start | {declaration.metadata['sentence']} |")

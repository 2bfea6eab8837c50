"""Progress of a command from its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from deep_localization.demo.mapping_demo_place import last_line


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", ""),
        ("reading\nfeatures\n", "features"),
        ("features:  10%|#  \rfeatures:  20%|## \r", "features:  20%|##"),
        ("matching\n\n  \n", "matching"),
    ],
)
def test_last_line_is_the_present_state(tmp_path: Path, content: str, line: str) -> None:
    (tmp_path / "log").write_text(content)
    assert last_line(tmp_path / "log") == line

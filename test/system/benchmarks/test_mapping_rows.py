"""Rows of a benchmark that are kept in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def rows(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("mapping_rows")


def test_a_row_is_measured_once_and_again_with_another_key(tmp_path: Path, rows: ModuleType) -> None:
    runs: list[int] = []

    def measure() -> dict[str, int]:
        runs.append(len(runs))
        return {"value": len(runs)}

    first = rows.KeptRows(tmp_path / "rows", "width 320")
    assert first.row("train_00, odometry", None) is None
    assert first.row("train_00, odometry", measure)["value"] == 1
    assert rows.KeptRows(tmp_path / "rows", "width 320").row("train_00, odometry", measure)["value"] == 1
    assert first.row("train_00, odometry", None)["value"] == 1
    assert rows.KeptRows(tmp_path / "rows", "width 640").row("train_00, odometry", measure)["value"] == 2
    assert len(runs) == 2

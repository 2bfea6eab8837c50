"""Inspection of bags in tests of the recording check."""

from __future__ import annotations

from pathlib import Path

import bag_cases as cases

from localization_common.datasets import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.recording_check.conclusion import Inspection, inspect
from localization_common.recording_check.findings import CheckResult, Grade


def checked(tmp_path: Path, messages: list[cases.Message], options: RecordingOptions | None = None) -> Inspection:
    """Write a bag of these messages, and inspect it."""
    return inspect(open_sequence(cases.write_bag(tmp_path / "bag", messages), options))[0]


def only(inspection: Inspection, name: str, verdict: Grade = Grade.WARN) -> CheckResult:
    """Result of the only check that is not OK; it must be this one."""
    assert [(check.name, check.verdict) for check in inspection.bad] == [(name, verdict)], inspection.text()
    assert inspection.bad[0].advice, "there is no advice"
    return inspection.bad[0]

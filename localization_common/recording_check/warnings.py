"""Warnings on the recording for commands that train or build maps."""

from __future__ import annotations

import sys

from localization_common.datasets.recording_arguments import announce
from localization_common.datasets.sequence import Sequence
from localization_common.recording_check.conclusion import FEW_PICTURES, inspect


def announce_checked(sequence: Sequence, *, truth: bool = True) -> Sequence:
    """Print the reader's summary and the warnings of `recording_check` to standard error; return the sequence.

    Args:
        sequence: recording.
        truth: true poses are needed; without, their check is left out.
    """
    announce(sequence)
    inspection, _ = inspect(sequence, pictures=FEW_PICTURES, quick=True)
    for check in (check for check in inspection.bad if truth or check.name != "truth"):
        advice = f" {check.advice}" if check.advice else ""
        print(f"{sequence.name}: {check.verdict.value} {check.name}: {check.sentence}.{advice}", file=sys.stderr)
    return sequence

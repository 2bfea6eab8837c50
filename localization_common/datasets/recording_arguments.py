"""Options of every command that reads a recording, and output of the reader's summary."""

from __future__ import annotations

import sys
from typing import Annotated

import tyro

from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.sequence import Sequence

#: Type of a command's field ``recording``: its options have no prefix, such as ``--mount``.
RecordingArgument = Annotated[RecordingOptions, tyro.conf.arg(name="")]


def announce(sequence: Sequence) -> Sequence:
    """Print the summary of a recording's reading to standard error; return the sequence."""
    if text := sequence.summary.text():
        print(text, file=sys.stderr, flush=True)
    return sequence

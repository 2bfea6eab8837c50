"""Command `recording_check`: check a recording for training, mapping and localization."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument
from localization_common.errors import DatasetError, LocalizationError
from localization_common.recording_check.conclusion import PICTURES, Inspection, inspect, refused
from localization_common.recording_check.findings import Grade


@dataclass(frozen=True)
class RecordingCheck:
    """Check the quality of a recording: pictures, poses, odometry, camera, mount, rates, coverage.

    The exit status is 0 if it can be used, with warnings or without, and 1 if not.

    Attributes:
        path: recording in any format that can be read.
        output: folder for ``report.html`` with pictures, and ``check.json``.
        json: file for all numbers.
        pictures: number of pictures that are measured, at most.
        recording: options of reading the recording.
    """

    path: tyro.conf.Positional[Path]
    output: Path | None = None
    json: Path | None = None
    pictures: int = PICTURES
    recording: RecordingArgument = field(default_factory=RecordingOptions)


def check_recording(arguments: RecordingCheck) -> Grade:
    """Print the findings, and write the files that the options name.

    Raises:
        LocalizationError: a file cannot be written.
    """
    sequence, evidence = None, None
    try:
        sequence = open_sequence(arguments.path, arguments.recording)
        inspection, evidence = inspect(sequence, pictures=arguments.pictures)
    except LocalizationError as error:
        inspection = refused(str(arguments.path), error)
    try:
        if arguments.output is not None:
            from localization_common.recording_check.report import write_page  # late: matplotlib and plotly are slow

            write_page(arguments.output, inspection, sequence, evidence)
            _write_json(arguments.output / "check.json", inspection)
        if arguments.json is not None:
            _write_json(arguments.json, inspection)
    except OSError as error:
        raise DatasetError(f"{error.filename}: cannot be written ({error.strerror})") from error
    print(inspection.text(), flush=True)
    return inspection.verdict


def _write_json(file: Path, inspection: Inspection) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(inspection.to_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def main() -> None:
    """Entry point of `recording_check`."""
    arguments = tyro.cli(RecordingCheck)
    try:
        verdict = check_recording(arguments)
    except LocalizationError as error:
        sys.exit(f"recording_check: {error}")
    except BrokenPipeError:  # the reader of a pipe, such as head, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(1 if verdict is Grade.FAIL else 0)


if __name__ == "__main__":
    main()

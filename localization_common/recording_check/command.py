"""Command `recording_check`: check a recording for training, mapping and localization."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from localization_common.command_line import command, options_of
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument
from localization_common.errors import LocalizationError
from localization_common.files.outputs import require_writable_file, require_writable_folder, write_output, writing_to
from localization_common.recording_check.conclusion import PICTURES, Inspection, inspect, refused
from localization_common.recording_check.findings import Grade


@dataclass(frozen=True)
class RecordingCheck:
    """Check the quality of a recording: pictures, poses, odometry, camera, mount, rates, coverage.

    The exit status is 0 if it can be used, with warnings or without, 1 if not, and 2 if a file cannot be written.

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
    if arguments.output is not None:
        require_writable_folder(arguments.output)
    require_writable_file(arguments.json, "json")
    sequence, evidence = None, None
    try:
        sequence = open_sequence(arguments.path, arguments.recording)
        inspection, evidence = inspect(sequence, pictures=arguments.pictures)
    except LocalizationError as error:
        inspection = refused(str(arguments.path), error)
    if arguments.output is not None:
        from localization_common.recording_check.report import write_page  # late: matplotlib and plotly are slow

        with writing_to(arguments.output):
            write_page(arguments.output, inspection, sequence, evidence)
        _write_json(arguments.output / "check.json", inspection)
    if arguments.json is not None:
        _write_json(arguments.json, inspection)
    print(inspection.text(), flush=True)
    return inspection.verdict


def _write_json(file: Path, inspection: Inspection) -> None:
    write_output(file, json.dumps(inspection.to_dict(), indent=1, allow_nan=False) + "\n")


def main() -> None:
    """Entry point of `recording_check`."""
    with command("recording_check"):
        verdict = check_recording(options_of(RecordingCheck))
        sys.exit(1 if verdict is Grade.FAIL else 0)


if __name__ == "__main__":
    main()

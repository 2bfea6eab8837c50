"""Inspection of a recording by all checks, with the verdict in a sentence, as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localization_common.datasets.sequence import Sequence
from localization_common.errors import LocalizationError
from localization_common.recording_check.camera_findings import check_camera, field_of_view
from localization_common.recording_check.drive_coverage import check_coverage
from localization_common.recording_check.findings import CheckResult, Grade, worst
from localization_common.recording_check.jumps import Jump, jumps_between
from localization_common.recording_check.motion import Steps, check_motion, steps_of
from localization_common.recording_check.mount_findings import check_mount
from localization_common.recording_check.odometry_findings import Segments, check_odometry, segments_of
from localization_common.recording_check.picture_findings import check_changes, check_exposure, check_sharpness
from localization_common.recording_check.rates import check_rates
from localization_common.recording_check.reading import check_reading
from localization_common.recording_check.samples import PictureSample, sample_pictures
from localization_common.recording_check.truth_findings import check_truth

#: Number of pictures that the command measures, and number for the warnings of other commands.
PICTURES, FEW_PICTURES = 300, 48


@dataclass(frozen=True)
class Inspection:
    """Result of all checks of a recording.

    Attributes:
        name: name of the recording.
        source: path and format.
        checks: results of the checks, in order of importance.
    """

    name: str
    source: str
    checks: tuple[CheckResult, ...]

    @property
    def verdict(self) -> Grade:
        """Worst verdict of all checks."""
        return worst([check.verdict for check in self.checks])

    @property
    def bad(self) -> list[CheckResult]:
        """Checks with a warning or worse, the worst first, then by importance."""
        found = [check for check in self.checks if check.verdict is not Grade.OK]
        return sorted(found, key=lambda check: -check.verdict.rank)

    @property
    def sentence(self) -> str:
        """Verdict in a sentence."""
        names = ", ".join(check.name for check in self.bad)
        if self.verdict is Grade.FAIL:
            failed = ", ".join(check.name for check in self.bad if check.verdict is Grade.FAIL)
            return f"not usable: {failed}"
        if self.verdict is Grade.WARN:
            return f"usable, with {len(self.bad)} warning{'s' if len(self.bad) > 1 else ''}: {names}"
        return "good"

    def check(self, name: str) -> CheckResult:
        """Result of the check of this name.

        Raises:
            KeyError: there is none.
        """
        return {check.name: check for check in self.checks}[name]

    def text(self) -> str:
        """Text for people, one screen long: verdict, one line for each check, and advice."""
        width = max(len(check.name) for check in self.checks)
        lines = [f"{self.source or self.name}: {self.sentence}."]
        lines += [f"  {check.verdict.value:4}  {check.name:{width}}  {check.sentence}" for check in self.checks]
        for heading, chosen in (
            ("What to do, the most important first:", self.bad),
            ("What would make it better:", [c for c in self.checks if c.verdict is Grade.OK]),
        ):
            advice = [f"  {check.name}: {check.advice}" for check in chosen if check.advice]
            lines += ["", heading, *advice] if advice else []
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionary for JSON."""
        return {
            "recording": self.name,
            "source": self.source,
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "checks": {check.name: check.to_dict() for check in self.checks},
        }


@dataclass(frozen=True)
class Evidence:
    """Measurements behind the findings, for figures."""

    sample: PictureSample
    steps: Steps
    segments: Segments | None


def inspect(sequence: Sequence, *, pictures: int = PICTURES, quick: bool = False) -> tuple[Inspection, Evidence]:
    """Run all checks.

    Args:
        sequence: recording.
        pictures: number of pictures that are measured, at most.
        quick: leave out the comparison of pictures and poses, which takes a second or two.
    """
    sample = sample_pictures(sequence, pictures)
    steps = steps_of(sequence)
    segments = segments_of(sequence)
    truth_jumps, odometry_jumps = None, list[Jump]()
    if segments is not None and segments.comparable:
        truth_jumps, odometry_jumps = jumps_between(sequence, segments.scale)
    checks = (
        check_reading(sequence),
        check_truth(sequence, truth_jumps),
        check_exposure(sample),
        check_sharpness(sample),
        *(() if quick else (_agreement(sequence),)),
        check_changes(sample, steps),
        check_odometry(sequence, sample, segments, odometry_jumps, truth_jumps or []),
        check_camera(sequence.camera),
        check_mount(sequence),
        check_motion(sequence, steps, field_of_view(sequence.camera)[0]),
        check_rates(sequence),
        check_coverage(sequence),
    )
    return Inspection(sequence.name, sequence.summary.source, checks), Evidence(sample, steps, segments)


def _agreement(sequence: Sequence) -> CheckResult:
    # Imported late: it needs scipy, which commands that only print warnings do not need.
    from localization_common.recording_check.agreement import check_agreement

    return check_agreement(sequence)


def refused(path: str, error: LocalizationError) -> Inspection:
    """Inspection of a recording that cannot be opened."""
    return Inspection(path, path, (CheckResult("reading", Grade.FAIL, str(error)),))

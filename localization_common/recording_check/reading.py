"""Findings of the reader: images that cannot be used, and remarks on clocks, frames and calibration."""

from __future__ import annotations

from localization_common.datasets.sequence import Sequence
from localization_common.recording_check.findings import CheckResult, Grade

#: Share of images that may be unusable: a full buffer now and then loses one in a hundred; more than half is a failure.
_FEW, _MOST = 0.01, 0.5


def check_reading(sequence: Sequence) -> CheckResult:
    """Check the images that the reader left out, and its remarks."""
    summary = sequence.summary
    left_out = summary.frames_left_out
    total = len(sequence) + left_out
    share = left_out / total
    remarks = [finding.text for finding in summary.found if finding.name == "remark"]
    parts = [part.text() for part in summary.left_out]
    verdict = Grade.FAIL if share > _MOST else Grade.WARN if share > _FEW or remarks else Grade.OK
    sentence = f"{len(sequence)} of {total} images can be used"
    if parts:
        sentence += f"; left out: {parts[0]}" + (f", and {len(parts) - 1} more reasons" if len(parts) > 1 else "")
    sentence += "".join(f"; {remark}" for remark in remarks)
    numbers = {
        "images": len(sequence),
        "images_left_out": left_out,
        "images_left_out_share": share,
        "left_out": parts,
        "remarks": remarks,
        "assumed": list(summary.assumed),
    }
    return CheckResult("reading", verdict, sentence, _advice(share, bool(remarks)), numbers)


def _advice(share: float, remarked: bool) -> str:
    if share > _FEW:
        return "Find out why images are lost (the reasons name topic and time): driver, cable, disk, or a damaged file."
    return (
        "Correct what the remark names and record again, or state it with the option that it names." if remarked else ""
    )

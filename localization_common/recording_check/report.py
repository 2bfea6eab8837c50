"""HTML page on a recording: verdict, advice, way and place, quality over time, sample frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Image, Sequence
from localization_common.recording_check import charts
from localization_common.recording_check.conclusion import Evidence, Inspection
from localization_common.recording_check.findings import CheckResult, Grade
from localization_common.recording_check.samples import PictureSample
from localization_common.report import html, plots

#: Number of pictures in a row of sample frames, and their width in pixels.
_COLUMNS, _SHOWN_WIDTH = 4, 320


def write_page(folder: Path, inspection: Inspection, sequence: Sequence | None, evidence: Evidence | None) -> None:
    """Write ``report.html`` and its pictures as PNG files; without a sequence, the page gives the error."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = [_verdict(inspection)]
    if sequence is not None and evidence is not None:
        sections += _pictures(folder, inspection, sequence, evidence)
    html.write_report(
        folder / "report.html",
        title=f"Recording check: {Path(inspection.name).name}",
        lead=f"{inspection.sentence[0].upper()}{inspection.sentence[1:]}.",
        sections=sections,
        footer=inspection.source,
    )


def _verdict(inspection: Inspection) -> html.Section:
    groups = [("What was found", [_row(check, check.sentence) for check in inspection.checks])]
    good = [check for check in inspection.checks if check.verdict is Grade.OK]
    for heading, chosen in (
        ("What to do, the most important first", inspection.bad),
        ("What would make it better", good),
    ):
        rows = [html.Row(check.name, "", check.advice) for check in chosen if check.advice]
        groups += [(heading, rows)] if rows else []
    return html.Section("Verdict", parts=[html.ValueTable(groups)])


def _row(check: CheckResult, text: str) -> html.Row:
    return html.Row(check.name, check.verdict.value, text, check.verdict is Grade.OK)


def _pictures(folder: Path, inspection: Inspection, sequence: Sequence, evidence: Evidence) -> list[html.Section]:
    sample, steps = evidence.sample, evidence.steps
    sections = []
    if sequence.has_pose.sum() > 1:
        jumps = [int(frame) for frame in inspection.check("truth").numbers.get("jumps_frame", [])]
        drawn = plots.save_png(charts.way(sequence, sample, jumps), folder / "way.png")
        seen = plots.save_png(charts.place(sequence), folder / "place.png")
        sections += [
            html.Section("The way", "Seen from above.", [html.Picture(drawn, "Left: by time. Right: by blur.")]),
            html.Section("The place", parts=[html.Picture(seen, "Cells that were visited; arrows: where it looked.")]),
        ]
    if len(sample) and len(sequence) > 1:
        time = plots.save_png(charts.over_time(sequence, sample, steps, evidence.segments), folder / "over_time.png")
        spread = plots.save_png(charts.histograms(sample, steps), folder / "histograms.png")
        caption = "Distributions; dotted: the check's bound."
        sections.append(
            html.Section("Over time", parts=[html.Picture(time, "Along the drive."), html.Picture(spread, caption)])
        )
    if len(sample):
        png = plots.save_png(charts.frames(_sample_frames(sequence, sample)), folder / "frames.png")
        sections.append(html.Section("Sample frames", parts=[html.Picture(png, "With time and the value.")]))
    return sections


def _sample_frames(sequence: Sequence, sample: PictureSample) -> list[tuple[str, list[tuple[Image, str]]]]:
    """Sharpest, most blurred, darkest and brightest pictures."""
    blur = np.where(np.isfinite(sample.blur), sample.blur, np.inf)
    hazy = np.where(np.isfinite(sample.blur), -sample.blur, np.inf)
    rows: list[tuple[str, npt.NDArray[np.float64], npt.NDArray[np.float64], str]] = [
        ("sharpest", blur, sample.blur, "blur {:.2f}"),
        ("most blurred", hazy, sample.blur, "blur {:.2f}"),
        ("darkest", sample.brightness, sample.brightness, "brightness {:.0f}"),
        ("brightest", -sample.brightness, sample.brightness, "brightness {:.0f}"),
    ]
    shown = []
    for label, order, values, form in rows:
        pictures = []
        for row in np.argsort(order, kind="stable")[:_COLUMNS]:
            position = int(sample.positions[row])
            seconds = (sequence.stamps[position] - sequence.stamps[0]) * 1e-9
            pictures.append((_small(sequence.read_image(position)), f"{seconds:.1f} s, {form.format(values[row])}"))
        shown.append((label, pictures))
    return shown


def _small(image: Image) -> Image:
    height, width = image.shape[:2]
    if width <= _SHOWN_WIDTH:
        return image
    size = (_SHOWN_WIDTH, max(1, round(height * _SHOWN_WIDTH / width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))

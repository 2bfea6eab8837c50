from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from deep_localization.evaluation import metrics_summary, report_page, scoring
from deep_localization.evaluation.drive_results import BeliefRecord, Results
from deep_localization.evaluation.result_file import Baseline, ResultFile
from localization_common.datasets.sequence import Sequence
from localization_common.files import trajectory_files
from localization_common.report.beliefs import density, smoothed

BOUNDS = (-1.0, -2.0, 8.0, 2.0)


class References(HTMLParser):
    """List everything that a browser loads for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.loaded += [v for k, v in attrs if k in ("src", "srcset", "data", "poster") and v is not None]
        self.loaded += [v for k, v in attrs if tag == "link" and k == "href" and v is not None]


@pytest.fixture
def results(drive: Sequence) -> Results:
    generator = np.random.default_rng(0)
    made = Results("live", frames_in=60, frames_received=60, frames_processed=60)
    for i, stamp in enumerate(drive.stamps.tolist()):
        made.map_T_base[stamp] = drive.map_T_base[i].copy()
        made.map_T_base[stamp][:2, 3] += (0.03, 0.04)
        made.odom_T_base[stamp] = drive.map_T_base[i]
        made.labels[stamp] = drive.read_labels(i)
        made.latency_ms[stamp] = 21.0
        particles = generator.normal((i * 0.1, 0.0, 0.0), 0.3, (200, 3))
        heat = density(particles, np.full(200, 1 / 200), BOUNDS)
        made.beliefs[stamp] = BeliefRecord(particles.mean(0) if i > 2 else None, heat, BOUNDS)
    return made


@pytest.fixture
def folder(tmp_path: Path, drive: Sequence, results: Results) -> Path:
    result = ResultFile(
        title="A <drive> & more",
        command="evaluate_bag drive --live",
        commit="0123456789",
        metrics=scoring.score(results, drive, start_errors=np.full((50, scoring.HORIZON), 0.2)),
        baselines=(Baseline("thumbnail nearest neighbour", 0.321, 12.0),),
        aims=metrics_summary.APARTMENT_AIMS,
        notes={"frames lost in transport": "0"},
    )
    report_page.write_all(tmp_path, results, drive, result, contexts=np.array([[1.0, 0.5, 0.3], [3.0, -0.5, 2.0]]))
    return tmp_path


def test_report_loads_nothing_from_anywhere(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    parser = References()
    parser.feed(text)
    assert len(parser.loaded) >= 3
    assert all(reference.startswith("data:image/png;base64,") for reference in parser.loaded)
    assert "default-src 'none'" in text  # the browser refuses any request of plotly
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_report_contains_its_numbers_and_escapes_text(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    for number in ("0.050 m", "0.00 %", "100 %", "1.000", "21 ms", "0.321 m", "0123456789"):
        assert number in text, number
    assert "aim: at most 0.200 m" in text
    assert text.count("A &lt;drive&gt; &amp; more") == 2  # title and heading
    assert "<drive>" not in text
    assert text.count("Plotly.newPlot(") == 2


def test_plotly_is_inlined_once(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert text.count("plotly.js v") == 1
    assert len(text) < 12_000_000


def test_pictures_and_trajectories_are_files_too(folder: Path, drive: Sequence, results: Results) -> None:
    for name in ("trajectory", "errors", "error_distribution", "sample_frames", "beliefs"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG"), name
    written = trajectory_files.read_tum(folder / "pose.tum")
    stamps, poses = written.stamps, written.poses
    np.testing.assert_array_equal(stamps, drive.stamps)
    np.testing.assert_allclose(poses, np.stack(list(results.map_T_base.values())), atol=1e-8)
    values = json.loads((folder / "metrics.json").read_text())
    assert values["pose"]["median_m"] == pytest.approx(0.05)


def test_a_report_without_any_estimate_is_still_a_report(tmp_path: Path, drive: Sequence) -> None:
    nothing = Results("live", frames_in=60)
    result = ResultFile("Nothing", "evaluate_bag drive", "", scoring.score(nothing, drive))
    report_page.write_all(tmp_path, nothing, drive, result, contexts=np.zeros((0, 3)))
    assert "frames delivered" in (tmp_path / "report.html").read_text()


def test_terminal_summary_has_the_missed_aims(drive: Sequence, results: Results) -> None:
    values = scoring.score(results, drive, start_errors=np.full((50, scoring.HORIZON), 2.0))
    lines = ResultFile("Drive", "", "", values, aims=metrics_summary.APARTMENT_AIMS).text().splitlines()
    assert any("position error, median" in line and "ok" in line for line in lines)
    assert any("starts that converge" in line and "MISSED" in line for line in lines)


def test_density_is_a_density() -> None:
    particles = np.array([[1.04, 0.52, 0.0], [1.04, 0.52, 3.0], [5.0, -1.0, 0.0]])
    heat = density(particles, np.array([0.25, 0.25, 0.5]), BOUNDS, cell=0.1)
    assert heat.shape == (40, 90)
    assert heat.sum() * 0.1**2 == pytest.approx(1.0)
    assert heat[25, 20] == pytest.approx(0.5 / 0.01)  # both yaw values together; y 0.5..0.6, x 1.0..1.1
    smooth = smoothed(heat, BOUNDS)
    assert smooth.sum() * 0.1**2 == pytest.approx(1.0, abs=1e-6)

"""Report of a made place: each section with its numbers, warnings, and one file without requests."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_maps import MadeRoom, made_drive, made_place, way, without_poses

from localization_common.datasets.summary import LeftOut, ReadingSummary
from localization_mapping.mapped_place import MappedPlace, Scale
from localization_mapping.occupancy.building import occupancy_grid
from localization_mapping.place_report.page import write_report

ROOM = MadeRoom(size=(5.0, 4.0))
CORNERS = (1.0, 1.0), (4.0, 1.0), (4.0, 3.0), (1.0, 3.0), (1.0, 1.0)


def mapped() -> MappedPlace:
    """Two drives; the second has a stretch without poses, one by odometry only, and one with large residuals."""
    first = made_drive(ROOM, way(*CORNERS), name="first_drive")
    second = made_drive(ROOM, way(*CORNERS[::-1]), name="second_drive")
    inliers, residual = second.inliers.copy(), second.residual.copy()
    inliers[20:26], residual[30:35] = 0, 7.5
    second = without_poses(replace(second, inliers=inliers, residual=residual), slice(40, 50))
    account = ReadingSummary(assumed=("The camera has no distortion.",), left_out=(LeftOut(3, "frames", "no picture"),))
    second = replace(second, sequence=replace(second.sequence, summary=account))
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(0.2, 4.8, 600), np.full(600, 4.0), rng.uniform(0.1, 2.0, 600)])
    place = made_place(first, without_poses(second, slice(0, 0)), points=points, room=ROOM)
    known = np.isfinite(place.map_T_camera[:, 0, 0])
    place = replace(place, map_T_camera=np.where(known[:, None, None], place.map_T_camera, np.eye(4)))
    return replace(
        place, closures=np.array([[0, 60], [3, 64]]), notes=("Frames 5 and 6 of first_drive were left out: too dark.",)
    )


@pytest.fixture(scope="module")
def place() -> MappedPlace:
    return mapped()


@pytest.fixture(scope="module")
def page(place: MappedPlace, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(place, occupancy_grid(place), path, title="Ground floor", footer="made by a test")
    assert path.stat().st_size < 5_000_000
    return path.read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """Section of the page with this heading."""
    found = re.search(rf"<h2>{title}</h2>(.*?)</section>", page, re.DOTALL)
    assert found, f"no section {title}: {re.findall('<h2>(.*?)</h2>', page)}"
    return found.group(1)


def test_summary_counts_frames_keyframes_points_and_closures(place: MappedPlace, page: str) -> None:
    text = section(page, "Summary")
    frames = [len(drive.sequence) for drive in place.drives]
    assert f"{frames[0]} of {frames[0]} ✓" in text
    assert f"{frames[1] - 10} of {frames[1]} ✗" in text
    assert "6 by odometry only" in text
    assert f">{len(place.points)}</td><td>{len(place.tracks.point)} observations" in text
    assert ">2</td>" in text
    assert "alert" not in text


def test_plan_shows_ways_keyframes_closures_and_the_grid(place: MappedPlace, page: str) -> None:
    text = section(page, "Plan")
    assert "<title>first_drive</title>" in text
    assert "<title>second_drive</title>" in text
    assert text.count("<polygon") == len(place.map_T_camera)
    assert "<title>keyframes 3 and 64</title>" in text
    assert text.count("<line ") == 2
    assert 'href="data:image/png;base64,' in text
    # The way of the second drive is broken where it was not located.
    ways = re.findall(r'<path d="(M[^"]*)" fill="none"', text)
    assert [way.count("M") for way in ways] == [1, 2]


def test_advice_names_place_and_time_and_is_marked_on_the_plan(place: MappedPlace, page: str) -> None:
    text = section(page, "What to drive again")
    assert "10 frames of second_drive from 8.0 to 9.8 s could not be located" in text
    assert "6 frames of second_drive from 4.0 to 5.0 s show no point of the map" in text
    assert "5 frames of second_drive from 6.0 to 6.8 s do not agree with the map" in text
    assert "(7.5 pixels in the median)" in text
    assert "in one direction only" not in text, "the drives went round in both directions"
    x, y = place.drives[1].map_T_base[22, :2, 3]
    assert f"Around ({x:.1f}, {y:.1f}): 6 frames" in text
    assert section(page, "Plan").count("<circle") == text.count("<li>")


def test_weak_stretches_are_listed_with_times_and_positions(page: str) -> None:
    text = section(page, "Weak stretches")
    assert re.search(r"8.0 to 9.8 s</td><td[^>]*>10 frames</td><td>not located, around \(", text)
    assert re.search(r"4.0 to 5.0 s</td><td[^>]*>6 frames</td><td>odometry only", text)


def test_odometry_scale_and_notes(page: str) -> None:
    # The made odometry is exact: nothing was corrected, and both lengths agree.
    assert section(page, "Odometry").count(">0.00 m</td>") == 2
    text = section(page, "Scale")
    assert "from: wheel odometry" in text
    assert ">0.30%</td>" in text
    assert text.count(">1.0000</td>") == 2
    notes = section(page, "Assumptions and left-out input")
    assert "Frames 5 and 6 of first_drive were left out: too dark." in notes
    assert "The camera has no distortion." in notes
    assert "no picture" in notes


def test_pictures_of_coverage_residuals_and_frames(page: str) -> None:
    share = re.search(r"(\d+)% of the driven cells were driven in two opposite directions", section(page, "Coverage"))
    assert share
    assert int(share.group(1)) >= 90, "the second drive has no poses at one place"
    for title in ("Coverage", "Residuals", "Sample frames"):
        assert section(page, title).count('src="data:image/png;base64,') == 1


def test_the_page_makes_no_request(page: str) -> None:
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page
    assert "<script" not in page


def test_a_map_without_scale_is_a_warning(place: MappedPlace, tmp_path: Path) -> None:
    drive = replace(place.drives[0], sequence=replace(place.drives[0].sequence, odom_T_base=None))
    alone = replace(made_place(drive), scale=Scale(False, "not known: there is no odometry"))
    write_report(alone, None, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "This map is not metric: its scale is not known: there is no odometry." in section(page, "Summary")
    assert 'role="alert"' in section(page, "Summary")
    assert "There is no occupancy grid" in section(page, "Summary")
    assert "No drive has odometry." in section(page, "Odometry")
    assert "of the way was driven in one direction only" in section(page, "What to drive again")
    assert "No drive comes back" in section(page, "What to drive again")


def test_a_place_without_any_pose_has_a_report(place: MappedPlace, tmp_path: Path) -> None:
    lost = made_place(place.drives[0])
    lost = replace(
        lost,
        drives=(without_poses(place.drives[0], slice(None)),),
        keyframe_drive=np.empty(0, np.int64),
        keyframe_position=np.empty(0, np.int64),
        map_T_camera=np.empty((0, 4, 4)),
        features=[],
    )
    write_report(lost, None, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No frame could be located of: first_drive." in section(page, "Summary")
    assert "<h2>Plan</h2>" not in page

"""Stamps of TUM files in other units, out of order and repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from folder_cases import write_picture

from localization_common.datasets import open_sequence
from localization_common.errors import DatasetError
from localization_common.files.trajectory_files import read_tum, stamp_and_unit

STAMP = 1305031102175304000


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("1305031102.175304", "seconds"),
        ("1.305031102175304e+09", "seconds"),
        ("1305031102175.304", "milliseconds"),
        ("1305031102175304", "microseconds"),
        ("1305031102175304000", "nanoseconds"),
        ("1305031102175304000.0", "nanoseconds"),
        ("1.305031102175304e+18", "nanoseconds"),
    ],
)
def test_the_unit_is_recognised_and_no_digit_lost(tmp_path: Path, text: str, unit: str) -> None:
    file = tmp_path / "traj.txt"
    file.write_text(f"{text} 1 2 3 0 0 0 1\n")
    trajectory = read_tum(file)
    assert (trajectory.stamps.tolist(), trajectory.unit) == ([STAMP], unit)


@pytest.mark.parametrize(
    "text", ["5e9", "37000000000", "1e400", "9e18", "1e19", "-9.3e18", "inf", "snan", "x", "1e14.5"]
)
def test_numbers_that_are_no_time_are_refused(text: str) -> None:
    if text == "9e18":
        assert stamp_and_unit(text) == (9 * 10**18, "nanoseconds")
        return
    with pytest.raises(ValueError, match=r"is not a (time|number)"):
        stamp_and_unit(text)


def test_two_units_in_one_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "traj.txt"
    file.write_text("# stamps\n1305031102.1 0 0 0 0 0 0 1\n\n1305031102175304000 0 0 0 0 0 0 1\n")
    with pytest.raises(DatasetError, match=r"traj\.txt:4: 1305031102175304000 looks like nanoseconds, .*in seconds"):
        read_tum(file)


def test_lines_out_of_order_and_twice_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "traj.txt"
    file.write_text("".join(f"{t} {t} 0 0 0 0 0 1\n" for t in (1.0, 3.0, 2.0, 3.0, 4.0)))
    trajectory = read_tum(file)
    assert trajectory.poses[:, 0, 3].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert [where.rpartition(":")[2] for where in trajectory.unordered] == ["3"]
    assert [where.rpartition(":")[2] for where in trajectory.doubled] == ["4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],q_RS_y [],q_RS_z []\n", "EuRoC"),
        ("1403636580838555648,4.6,-1.7,0.7,0.5,-0.1,-0.8,-0.1\n", "EuRoC's CSV, whose quaternions begin with w"),
        ("# time x y z qw qx qy qz\n1.0 1 2 3 1 0 0 0\n", "begin with w"),
        ("1403636580838555648," + ",".join(["0.5"] * 16) + "\n", "17 are EuRoC's state_groundtruth_estimate0"),
        ("1 0 0 0 0 1 0 0 0 0 1 0\n", "12 are KITTI's poses, which have no stamps"),
        ("1.0 1 2 3\n", "4 columns, not the 8 of 'stamp tx ty tz qx qy qz qw'"),
    ],
)
def test_other_formats_are_recognised(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "traj.txt"
    file.write_text(text)
    with pytest.raises(DatasetError, match=rf"traj\.txt:\d: .*{message}"):
        read_tum(file)


@pytest.mark.parametrize("form", ["{seconds:.6f}", "{nanoseconds}", "{microseconds}"])
def test_a_tum_directory_may_have_them_too(tmp_path: Path, form: str) -> None:
    root = tmp_path / "my_desk"
    lists: dict[str, list[str]] = {"rgb": [], "groundtruth": []}
    for number in range(3):
        nanoseconds = STAMP + number * 100_000_000
        write_picture(root / "rgb" / f"{number}.png", number, (64, 48))
        values = {"seconds": nanoseconds / 1e9, "nanoseconds": nanoseconds, "microseconds": nanoseconds // 1000}
        stamp = form.format(**values)
        lists["rgb"].append(f"{nanoseconds / 1e9:.6f} rgb/{number}.png")
        lists["groundtruth"].append(f"{stamp} {number} 0 0 0 0 0 1")
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")
    sequence = open_sequence(root)
    np.testing.assert_allclose(sequence.map_T_camera[:, 0, 3], [0.0, 1.0, 2.0])
    assert ("stamps in" in sequence.summary.text()) == ("seconds:" not in form)
    (root / "rgb.txt").write_text("\n".join([*lists["rgb"], lists["rgb"][1], "1305031100.0 rgb/missing.png"]) + "\n")
    again = open_sequence(root)
    text = again.summary.text()
    assert len(again) == 3
    assert "1 frames: two lines of rgb.txt have one stamp (line 4)" in text
    assert "1 frames: the picture is missing (missing.png)" in text
    assert "2 lines of rgb.txt are earlier than the line before (line 4, line 5); sorted" in text
    assert len(again) + again.summary.frames_left_out == 5

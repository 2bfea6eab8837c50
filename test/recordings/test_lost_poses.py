"""Poses that tracking lost, and text files of Windows: such frames stay, without a pose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from folder_cases import map_T_camera, write_picture

from localization_common.datasets import open_sequence
from localization_common.errors import DatasetError
from localization_common.files.trajectory_files import read_tum


def seven_scenes(root: Path, numbers: range = range(4)) -> Path:
    for number in numbers:
        write_picture(root / f"frame-{number:06d}.color.jpg", number, (64, 48))
        np.savetxt(root / f"frame-{number:06d}.pose.txt", map_T_camera(number), fmt="%.7e", delimiter="\t")
    return root


@pytest.mark.parametrize("lost", ["-inf -inf -inf -inf\n" * 4, "nan nan nan nan\n" * 4, "inf 0 0 0\n" * 4])
def test_scannets_lost_poses_are_unknown(tmp_path: Path, lost: str) -> None:
    root = seven_scenes(tmp_path / "scene0000_00" / "seq-01")
    (root / "frame-000002.pose.txt").write_text(lost)
    sequence = open_sequence(root)
    assert sequence.has_pose.tolist() == [True, True, False, True]
    assert sequence.with_poses().frame_numbers.tolist() == [0, 1, 3]
    assert "1 poses: the pose holds NaN or infinity (frame-000002.pose.txt)" in sequence.summary.text()


def test_a_frame_without_pose_file_and_a_pose_without_picture(tmp_path: Path) -> None:
    root = seven_scenes(tmp_path / "office" / "seq-01")
    (root / "frame-000001.pose.txt").unlink()
    (root / "frame-000003.color.jpg").unlink()
    sequence = open_sequence(root)
    assert sequence.has_pose.tolist() == [True, False, True]
    text = sequence.summary.text()
    assert "1 poses: the pose file is missing (frame-000001.pose.txt)" in text
    assert "1 frames: the picture is missing (frame-000003.pose.txt)" in text
    assert len(sequence) + sequence.summary.frames_left_out == 4


def test_one_malformed_pose_file_in_many_is_counted_and_many_are_refused(tmp_path: Path) -> None:
    root = seven_scenes(tmp_path / "office" / "seq-01", range(12))
    (root / "frame-000005.pose.txt").write_text("1 0 0 0\n0 1 0 0\n")
    sequence = open_sequence(root)
    assert np.nonzero(~sequence.has_pose)[0].tolist() == [5]
    assert "1 poses: the pose file is malformed" in sequence.summary.text()
    assert "frame-000005.pose.txt: 2 lines, not 4" in sequence.summary.text()
    (root / "frame-000006.pose.txt").write_text("1 0 0 x\n" * 4)
    with pytest.raises(DatasetError, match=r"frame-000005\.pose\.txt: 2 lines, .*2 of 12 pose files are malformed"):
        open_sequence(root)


def test_without_any_pose_training_is_refused_with_the_remedy(tmp_path: Path) -> None:
    root = seven_scenes(tmp_path / "office" / "seq-01")
    for file in root.glob("*.pose.txt"):
        file.unlink()
    sequence = open_sequence(root)
    assert len(sequence) == 4
    with pytest.raises(DatasetError, match=r"office/seq-01: none of the 4 frames has a true pose: .*--poses"):
        sequence.with_poses()


def test_lost_rows_of_a_tum_file_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "traj.txt"
    file.write_text(
        "1.0 0 0 0 0 0 0 1\n1.1 nan nan nan nan nan nan nan\nnan nan nan nan nan nan nan nan\n"
        "1.3 1 2 inf 0 0 0 1\n1.4 1 2 3 0 0 0 0\n1.5 1 2 3 0 0 0 1\n"
    )
    trajectory = read_tum(file)
    assert (trajectory.stamps / 1e9).tolist() == [1.0, 1.5]
    assert [where.split(":")[1] for where in trajectory.unknown] == ["2", "3", "4", "5"]
    file.write_text("1.1 nan nan nan nan nan nan nan\n")
    with pytest.raises(DatasetError, match=r"traj\.txt: no poses in it \(.*traj\.txt:1: holds NaN or infinity\)"):
        read_tum(file)


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf# timestamp tx ty tz qx qy qz qw\n1.0 1 2 3 0 0 0 1\n2.0 4 5 6 0 0 0 1\n",
        b"\xef\xbb\xbf1.0 1 2 3 0 0 0 1\r\n2.0 4 5 6 0 0 0 1\r\n\r\n",
        b"1.0\t1\t2\t3\t0\t0\t0\t1\t\n2.0\t4\t5\t6\t0\t0\t0\t1  \n",
        b"1.0, 1, 2, 3, 0, 0, 0, 1\n2.0,4,5,6,0,0,0,1\n",
        b"timestamp tx ty tz qx qy qz qw\n1.0 1 2 3 0 0 0 1\n2.0 4 5 6 0 0 0 1",
        b"%time x y z qx qy qz qw\n1.0 1 2 3 0 0 0 1\n2.0 4 5 6 0 0 0 1",
    ],
    ids=["mark", "windows", "tabs", "commas", "heading", "matlab"],
)
def test_text_files_of_other_programs(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "traj.txt"
    file.write_bytes(raw)
    trajectory = read_tum(file)
    assert (trajectory.stamps / 1e9).tolist() == [1.0, 2.0]
    assert trajectory.poses[:, :3, 3].tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("1.0 1 2 3 0 0 0 1\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        ("1.0 1 2 3 0 0 0 1\n".encode("utf-32"), "is UTF-32 text"),
        (b"1.0 1 2 3 0 0 0 1 \xff\n", r"is not UTF-8 text \(invalid start byte at byte 18\)"),
        (b"", "is empty"),
    ],
)
def test_other_encodings_are_named(tmp_path: Path, raw: bytes, message: str) -> None:
    file = tmp_path / "traj.txt"
    file.write_bytes(raw)
    with pytest.raises(DatasetError, match=rf"traj\.txt: {message}"):
        read_tum(file)


def test_seven_scenes_poses_may_have_a_mark_and_windows_line_ends(tmp_path: Path) -> None:
    root = seven_scenes(tmp_path / "office" / "seq-01")
    lines = "\r\n".join("\t".join(f"{v:.9f}" for v in row) + "\t" for row in map_T_camera(1))
    (root / "frame-000001.pose.txt").write_bytes(b"\xef\xbb\xbf" + lines.encode() + b"\r\n")
    np.testing.assert_allclose(open_sequence(root).map_T_camera[1], map_T_camera(1), atol=1e-8)


def test_a_damaged_picture_is_named_when_it_is_read(tmp_path: Path) -> None:
    root = seven_scenes(tmp_path / "office" / "seq-01")
    for number, change in ((0, lambda raw: raw[:100]), (2, lambda raw: raw[: len(raw) // 2])):
        file = root / f"frame-{number:06d}.color.jpg"
        file.write_bytes(change(file.read_bytes()))
    sequence = open_sequence(root)  # the first picture gives the size, or the next one that can be read
    assert (sequence.camera.width, sequence.camera.height) == (64, 48)
    assert sequence.read_image(1).shape == (48, 64, 3)
    for number in (0, 2):
        with pytest.raises(DatasetError, match=rf"frame-{number:06d}\.color\.jpg: "):
            sequence.read_image(number)

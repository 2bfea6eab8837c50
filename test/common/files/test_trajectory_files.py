"""TUM trajectory files: evo reads the files of this package, and this package reads evo's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evo.core.trajectory import PoseTrajectory3D
from evo.tools import file_interface
from scipy.spatial.transform import Rotation

from localization_common.errors import DatasetError
from localization_common.files.trajectory_files import read_tum, stamp_and_unit, write_tum

STAMPS = np.array([0, 33_333_333, 1_763_635_200_123_456_789], dtype=np.int64)


def poses() -> np.ndarray:
    result = np.tile(np.eye(4), (3, 1, 1))
    result[:, :3, :3] = Rotation.random(3, random_state=0).as_matrix()
    result[:, :3, 3] = np.random.default_rng(0).normal(size=(3, 3))
    return result


def test_round_trip_keeps_every_nanosecond(tmp_path: Path) -> None:
    write_tum(tmp_path / "t.txt", STAMPS, poses())
    read = read_tum(tmp_path / "t.txt")
    assert read.stamps.tolist() == STAMPS.tolist()
    np.testing.assert_allclose(read.poses, poses(), atol=1e-8)


def test_evo_reads_our_files(tmp_path: Path) -> None:
    write_tum(tmp_path / "t.txt", STAMPS, poses())
    trajectory = file_interface.read_tum_trajectory_file(str(tmp_path / "t.txt"))
    np.testing.assert_allclose(trajectory.poses_se3, poses(), atol=1e-8)
    np.testing.assert_allclose(trajectory.timestamps, STAMPS / 1e9, rtol=1e-15)


def test_evos_files_are_read(tmp_path: Path) -> None:
    trajectory = PoseTrajectory3D(poses_se3=list(poses()), timestamps=np.array([1.5, 2.25, 4.0]))
    file_interface.write_tum_trajectory_file(str(tmp_path / "t.txt"), trajectory)
    read = read_tum(tmp_path / "t.txt")
    assert read.stamps.tolist() == [1_500_000_000, 2_250_000_000, 4_000_000_000]
    np.testing.assert_allclose(read.poses, poses(), atol=1e-8)


def test_comments_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("# a comment\n\n1.0 1 2 3 0 0 0 2\n")
    read = read_tum(tmp_path / "t.txt")
    assert read.stamps.tolist() == [10**9]
    np.testing.assert_array_equal(read.poses[0, :, 3], [1, 2, 3, 1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("# only a comment\n", "no poses"),
        ("1.0 1 2 3 0 0 0 1\n2.0 1 2\n", r"t\.txt:2"),
        ("x 1 2 3 0 0 0 1\n", r"t\.txt:1.*'x'"),
        ("nan 1 2 3 0 0 0 1\n", r"t\.txt:1"),
        ("1.0 1 2 3 0 0 0 0\n", r"t\.txt:1.*norm"),
    ],
)
def test_malformed_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_tum(tmp_path / "t.txt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere\.txt"):
        read_tum(tmp_path / "nowhere.txt")


@pytest.mark.parametrize(
    ("text", "stamp"), [("1305031102.175304", 1305031102175304000), ("1e-9", 1), ("0", 0), ("1.0370000e-01", 103700000)]
)
def test_stamps_are_exact(text: str, stamp: int) -> None:
    assert stamp_and_unit(text) == (stamp, "seconds")

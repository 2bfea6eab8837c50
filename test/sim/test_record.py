"""Tests of recorded drives: the bags hold the frames of the simulator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dmn_ros.map.planar_mount import mount_of
from localization_common.camera import Camera, CameraAdapter
from localization_common.camera.upright import level_adapter
from localization_common.datasets import open_sequence
from localization_common.datasets.bag_writer import BagStorage
from localization_common.files.trajectory_files import read_tum
from localization_common.geometry import planar, se3
from localization_sim.commands.record import ApartmentRecording, record, render_drives
from localization_sim.drive import START_STAMP


def recording(
    output: Path, *, storage: BagStorage = "mcap", train: int = 0, overwrite: bool = False
) -> ApartmentRecording:
    return ApartmentRecording(
        output=output, train=train, val=False, width=64, height=48, rate=0.5, storage=storage, overwrite=overwrite
    )


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_bag_holds_the_drive(tmp_path: Path, storage: BagStorage) -> None:
    record(recording(tmp_path, storage=storage))
    assert [entry.name for entry in tmp_path.iterdir()] == ["test"]  # no unfinished file remains
    bag = open_sequence(tmp_path / "test")
    (drive,) = render_drives(0, ["test"], Camera.from_field_of_view(64, 48, 90.0), rate=0.5)
    assert len(bag) == len(drive) > 30
    assert bag.camera == drive.camera
    assert bag.class_names == drive.class_names
    np.testing.assert_array_equal(bag.stamps, START_STAMP + np.arange(len(bag)) * 2_000_000_000)
    np.testing.assert_allclose(bag.map_T_camera, drive.map_T_camera, atol=1e-12)
    np.testing.assert_allclose(bag.base_T_camera, drive.base_T_camera, atol=1e-12)
    assert bag.odom_T_base is not None
    assert drive.odom_T_base is not None
    np.testing.assert_allclose(bag.odom_T_base, drive.odom_T_base, atol=1e-12)
    for i in (0, 7, len(bag) - 1):
        np.testing.assert_array_equal(bag.read_image(i), drive.read_image(i))
        for read, expected in ((bag.read_depth, drive.read_depth), (bag.read_labels, drive.read_labels)):
            assert read is not None
            assert expected is not None
            np.testing.assert_array_equal(read(i), expected(i))
    # Planar drives: the base stays upright on the floor.
    np.testing.assert_allclose(bag.map_T_base, planar.to_se3(planar.from_se3(bag.map_T_base)), atol=1e-9)


def test_existing_bags_are_kept_unless_overwrite_is_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test").mkdir()
    record(recording(tmp_path))
    assert "exists already and is kept" in capsys.readouterr().out
    assert list((tmp_path / "test").iterdir()) == []
    record(recording(tmp_path, overwrite=True))
    assert len(open_sequence(tmp_path / "test")) > 30


def test_odometry_errors_change_the_odometry_and_nothing_else(tmp_path: Path) -> None:
    bags = []
    for factor in (1.0, 5.0):
        record(replace(recording(tmp_path / str(factor)), odometry_errors=factor))
        bags.append(open_sequence(tmp_path / str(factor) / "test"))
    usual, worse = bags
    np.testing.assert_array_equal(worse.map_T_camera, usual.map_T_camera)
    np.testing.assert_array_equal(worse.read_image(5), usual.read_image(5))
    start_T_base = se3.inverse(usual.map_T_base[0]) @ usual.map_T_base
    drift = [np.linalg.norm(bag.odom_T_base[:, :2, 3] - start_T_base[:, :2, 3], axis=1).max() for bag in bags]
    assert drift[1] > 3.0 * drift[0]


def test_true_poses_can_stay_out_of_the_bag(tmp_path: Path) -> None:
    record(recording(tmp_path / "with"))
    record(replace(recording(tmp_path / "without"), truth=False, max_duration=31.0))
    whole, hidden = open_sequence(tmp_path / "with" / "test"), open_sequence(tmp_path / "without" / "test")
    assert len(hidden) == 16  # 31 s at 0.5 Hz, both ends
    assert not hidden.has_pose.any()
    assert hidden.has_odometry.all()
    np.testing.assert_array_equal(hidden.read_image(15), whole.read_image(15))
    truth = read_tum(tmp_path / "without" / "test.tum")
    np.testing.assert_array_equal(truth.stamps, hidden.stamps)
    np.testing.assert_allclose(truth.poses, whole.map_T_base[:16], atol=1e-8)


def test_names_of_drives() -> None:
    assert ApartmentRecording(train=2).drives == ["test", "val", "train_00", "train_01"]
    assert ApartmentRecording(train=1, val=False, test=False).drives == ["train_00"]
    assert ApartmentRecording(train=1, test=False, more=2).drives == ["val", "val_01", "val_02", "train_00"]


def test_the_mount_of_the_camera_is_in_the_bag_and_in_the_pictures(tmp_path: Path) -> None:
    """A camera that looks down and leans: rotated upright, it sees what a level camera at the same height sees."""
    wide = replace(recording(tmp_path / "wide"), field_of_view=110.0, camera_height=1.1, depth=False, labels=False)
    wide = replace(wide, max_duration=20.0)
    record(replace(wide, tilt=15.0, roll=-6.0))
    record(replace(wide, output=tmp_path / "level"))
    tilted, level = (open_sequence(tmp_path / name / "test") for name in ("wide", "level"))
    base_T_camera = tilted.base_T_camera
    assert base_T_camera[2, 3] == pytest.approx(1.1)
    assert base_T_camera[2, 2] == pytest.approx(-np.sin(np.radians(15.0)))  # the optical axis points down
    assert base_T_camera[2, 0] == pytest.approx(np.sin(np.radians(-6.0)) * -np.cos(np.radians(15.0)))
    assert mount_of(base_T_camera) == pytest.approx((0.1, 0.0, 0.0))
    np.testing.assert_allclose(tilted.map_T_base, level.map_T_base, atol=1e-9)
    target = Camera.from_field_of_view(32, 24, 80.0)
    upright = level_adapter(tilted.camera, target, base_T_camera[:3, :3], partial=True)
    plain, as_it_is = CameraAdapter(level.camera, target), CameraAdapter(tilted.camera, target)
    errors = np.array(
        [
            [
                np.abs(adapter(tilted.read_image(i)).astype(float) - plain(level.read_image(i)))[upright.seen].mean()
                for adapter in (upright, as_it_is)
            ]
            for i in range(len(level))
        ]
    )
    assert errors[:, 0].mean() < 0.4 * errors[:, 1].mean()

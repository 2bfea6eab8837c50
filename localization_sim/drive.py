"""Simulated drive through an apartment as a `Sequence`, whose frames are rendered when they are read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from localization_common.datasets.bag_writer import OdometryReading
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar
from localization_sim.apartments.drive_paths import DriveSettings, Trajectory, plan_drive
from localization_sim.lights.camera_response import CameraResponse
from localization_sim.offices.office import Office
from localization_sim.offices.tours import plan_tour
from localization_sim.rendering import Renderer, mounted_camera
from localization_sim.wheel_odometry import WheelNoise, WheelOdometry, measure

#: Stamp of the first image of a drive, nanoseconds. Zero would mean "no time" in ROS.
START_STAMP = 1_000 * 10**9


@dataclass(frozen=True)
class ApartmentDrive:
    """Trajectory with its wheel odometry.

    Attributes:
        name: name that the drive was planned from, such as ``train_00`` or ``test``.
        trajectory: true poses of base_link in the map.
        odometry: measurements of the wheels.
        rate: images per second.
    """

    name: str
    trajectory: Trajectory
    odometry: WheelOdometry
    rate: float

    @property
    def image_times(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Times (N,) of the images, seconds from the start."""
        return np.arange(int(self.trajectory.duration * self.rate) + 1) / self.rate

    def odometry_times(self, rate: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Times (M,) of the odometry, seconds from the start: ``rate`` times a second, and at each image."""
        even = np.arange(int(self.trajectory.duration * rate) + 1) / rate
        return np.union1d(even.round(9), self.image_times.round(9))

    def odometry_readings(self, rate: float = 20.0) -> Iterator[OdometryReading]:
        """Yield wheel odometry messages at `odometry_times`."""
        for time in self.odometry_times(rate).tolist():
            yield self.odometry_at(time)

    def odometry_at(self, time: float) -> OdometryReading:
        """Wheel odometry message at a time in seconds."""
        forward, turning = self.odometry.twist_at(time)
        return OdometryReading(stamp_at(time), planar.to_se3(self.odometry.odom.at(time)), forward, turning)


def stamp_at(time: float) -> int:
    """Stamp (ns) of a time in seconds from the start of a drive."""
    return START_STAMP + round(time * 1e9)


def plan(
    renderer: Renderer,
    name: str,
    *,
    rate: float = 5.0,
    random_seed: int = 0,
    odometry_errors: float = 1.0,
    settings: DriveSettings | None = None,
) -> ApartmentDrive:
    """Plan the drive of this name through the renderer's apartment.

    Args:
        rate: images per second.
        random_seed: seed of the errors of the odometry.
        odometry_errors: factor of these errors, see `WheelNoise.times`; the path stays the same.
        settings: speeds and limits of the drive.
    """
    place = renderer.apartment
    trajectory = plan_tour(place, name, settings) if isinstance(place, Office) else plan_drive(place, name, settings)
    noise_seed = [random_seed, 4, zlib.crc32(name.encode())]  # drives differ in their errors, too
    noise = WheelNoise().times(odometry_errors)
    return ApartmentDrive(name, trajectory, measure(trajectory, noise_seed, noise), rate)


def as_sequence(
    renderer: Renderer,
    drive: ApartmentDrive,
    *,
    depth: bool = True,
    labels: bool = True,
    mount: npt.NDArray[np.float64] | None = None,
) -> Sequence:
    """Sequence of a drive; each read renders a frame. The renderer must stay open as long as frames are read.

    Args:
        renderer: apartment and camera.
        drive: trajectory.
        depth, labels: read depth and labels, too.
        mount: base_T_camera (4, 4); by default that of `mounted_camera`.
    """
    times = drive.image_times
    base_T_camera = mounted_camera() if mount is None else mount
    map_T_camera = planar.to_se3(drive.trajectory.at(times)) @ base_T_camera

    def rendered(i: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        renderer.look_from(map_T_camera[i])
        return renderer.colour()

    image = CameraResponse(renderer.lighting.camera, rendered, zlib.crc32(drive.name.encode()))

    def read_depth(i: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        renderer.look_from(map_T_camera[i])
        return renderer.depth()

    def read_labels(i: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        renderer.look_from(map_T_camera[i])
        return renderer.labels()

    return Sequence(
        name=drive.name,
        camera=renderer.camera,
        frame_numbers=np.arange(len(times), dtype=np.int64),
        stamps=np.array([stamp_at(t) for t in times.tolist()], dtype=np.int64),
        map_T_camera=map_T_camera,
        read_image=image,
        read_depth=read_depth if depth else None,
        read_labels=read_labels if labels else None,
        class_names=renderer.apartment.class_names if labels else (),
        base_T_camera=base_T_camera,
        odom_T_base=planar.to_se3(drive.odometry.odom.at(times)),
    )


def in_memory(sequence: Sequence) -> Sequence:
    """Copy of a sequence with all frames read and kept in memory."""
    count = range(len(sequence))
    images = [sequence.read_image(i) for i in count]
    depths = [] if sequence.read_depth is None else [sequence.read_depth(i) for i in count]
    labels = [] if sequence.read_labels is None else [sequence.read_labels(i) for i in count]
    return replace(
        sequence,
        read_image=images.__getitem__,
        read_depth=depths.__getitem__ if depths else None,
        read_labels=labels.__getitem__ if labels else None,
    )

"""Scores of the nodes in `hammer`: right poses are those of a replay of the same frames without ROS."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from deep_localization.evaluation.models import Models
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.runtime.localizer import Localizer as DmnLocalizer
from hammer_robot import CAMERA_FRAME, HammerRobot
from hammer_watch import most_in_a_second
from localization_common.camera import Camera
from localization_common.geometry import planar, se3
from localization_common.geometry.odometry_integration import PlanarOdometry
from localization_common.messages import camera_from
from localization_common.ros.conversions import camera_to_info
from localization_common.ros.outputs import header
from vlocnet_ros.runtime.localizer import Localizer as VlocnetLocalizer

Array = npt.NDArray[np.float64]
#: Largest distance of a right pose from the replayed one, metres, because of rounding in messages.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class NodeReport:
    """Measures of one node.

    Attributes:
        control_answered: share of the valid frames before the storm with a pose or odometry.
        storm_answered: share of the valid frames in the storm with a pose or odometry.
        poses: number of published poses.
        wrong_poses: number of poses for a malformed message, or further than `TOLERANCE` from the replayed one.
        wrong_at: times of the first wrong poses, seconds from the beginning of the control.
        not_finite: number of poses with NaN or infinity.
        wrong_transforms: number of transforms map -> odom that contradict the pose of their stamp.
        worst: largest distance of a published pose from the replayed one, metres.
        control_error: median distance to the true pose before the storm, metres.
        storm_error: median distance to the true pose in the storm, metres.
        start_mb: memory before the storm, MB.
        peak_mb: peak memory in the storm minus `start_mb`.
        end_mb: memory after the storm minus `start_mb`.
        log_lines: number of log lines in the storm.
        most_lines: largest number of log lines in a second of the storm.
        control_cores: mean number of cores that the node used before the storm.
        storm_cores: mean number of cores that the node used in the storm.
        load: load average of the computer at the end of the storm.
        frames: counts of the node: received, processed, refused, dropped.
        strangers: number of malformed images with a pose or odometry.
        recovered_after: seconds from the end of the storm to "working"; None: not in time.
        problems: number of messages on /diagnostics in the storm, by problem.
    """

    control_answered: float
    storm_answered: float
    poses: int
    wrong_poses: int
    wrong_at: list[float]
    not_finite: int
    wrong_transforms: int
    worst: float
    control_error: float
    storm_error: float
    start_mb: float
    peak_mb: float
    end_mb: float
    log_lines: int
    most_lines: int
    control_cores: float
    storm_cores: float
    load: float
    frames: dict[str, int]
    strangers: int
    recovered_after: float | None
    problems: dict[str, int]


def replayed_vlocnet(robot: HammerRobot, models: Models) -> dict[int, Array]:
    """Replay the frames that the vlocnet node processed; return map_T_base (4, 4) by stamp."""
    assert models.vlocnet is not None
    localizer = VlocnetLocalizer.from_checkpoint(models.vlocnet, threads=1)
    localizer.set_camera(_camera(robot))
    base_T_camera, poses = robot.drive.base_T_camera, {}
    for stamp in sorted(robot.recorder.by_stamp("vlocnet/odometry").keys() & robot.frames.keys()):
        estimate = localizer.step(robot.seen(stamp), stamp)
        poses[stamp] = estimate.map_T_camera @ se3.inverse(base_T_camera)
    return poses


def replayed_dmn(robot: HammerRobot, models: Models) -> dict[int, Array]:
    """Replay the frames that the dmn node processed; return map_T_base (4, 4) by stamp."""
    assert models.dmn is not None
    assert models.map is not None
    config = FilterConfig(localized_share=1e-9, localized_images=1, localized_fit=-100.0)
    localizer = DmnLocalizer.from_files(models.dmn, models.map, filter_config=config, threads=1)
    localizer.reset_uniform()
    localizer.set_camera(_camera(robot))
    odometry, poses = PlanarOdometry(), {}
    torch.set_num_threads(1)
    for stamp in sorted(robot.recorder.by_stamp("dmn/pose").keys() & robot.frames.keys()):
        belief = localizer.step(robot.seen(stamp), stamp, odometry.step(robot.odom_T_base(stamp)))
        poses[stamp] = planar.to_se3(belief.most_likely)
    return poses


def report_of(
    name: str,
    robot: HammerRobot,
    right: dict[int, Array],
    control: list[int],
    stormy: list[int],
    memory: tuple[float, float, float],
    cores: tuple[float, float],
    lines: list[tuple[float, str]],
    recovered_after: float | None,
) -> NodeReport:
    """Make the report of one node.

    Args:
        name: name of the node.
        robot: robot with the recorded topics.
        right: replayed pose of each frame that the node processed, by stamp.
        control: valid stamps before the storm.
        stormy: valid stamps in the storm.
        memory: memory before the storm, peak, and memory after it, MB.
        cores: mean number of used cores before the storm and in it.
        lines: log lines in the storm.
        recovered_after: seconds from the end of the storm to "working", or None.
    """
    records = robot.recorder.of(f"{name}/pose")
    published = {record.stamp: record.matrix for record in records}
    unreadable = sum(not (np.isfinite(r.matrix).all() and np.isfinite(r.covariance).all()) for r in records)
    apart = {s: _distance(matrix, right[s]) for s, matrix in published.items() if s in right}
    wrong = [stamp for stamp in published if apart.get(stamp, np.inf) > TOLERANCE]
    errors = {s: _distance(m, robot.map_T_base(s)) for s, m in published.items() if s in robot.frames}
    answered = published.keys() | robot.recorder.by_stamp("vlocnet/odometry").keys() if name == "vlocnet" else published
    problems = Counter(
        kind
        for record in robot.recorder.of("/diagnostics")
        if record.name == f"/{name}" and control[-1] < record.stamp < stormy[-1]
        for kind in record.message.split("; ")
    )
    return NodeReport(
        control_answered=_share(control, answered),
        storm_answered=_share(stormy, answered),
        poses=len(records),
        wrong_poses=len(wrong),
        wrong_at=[round((stamp - control[0]) * 1e-9, 2) for stamp in sorted(wrong)[:20]],
        not_finite=unreadable,
        wrong_transforms=_wrong_transforms(robot, published) if name == "vlocnet" else 0,
        worst=max(apart.values(), default=0.0),
        control_error=_median([errors[s] for s in control if s in errors]),
        storm_error=_median([errors[s] for s in stormy if s in errors]),
        start_mb=memory[0],
        peak_mb=memory[1] - memory[0],
        end_mb=memory[2] - memory[0],
        log_lines=len(lines),
        most_lines=most_in_a_second([seconds for seconds, _ in lines]),
        control_cores=cores[0],
        storm_cores=cores[1],
        load=os.getloadavg()[0],
        frames=_counted(robot, name),
        strangers=len(answered - robot.frames.keys()),
        recovered_after=recovered_after,
        problems={_without_numbers(kind): count for kind, count in problems.most_common(40)},
    )


def _counted(robot: HammerRobot, name: str) -> dict[str, int]:
    values = [record.values for record in robot.recorder.of("/diagnostics") if record.name == f"/{name}"][-1]
    return {word: int(values[f"frames {word}"]) for word in ("received", "processed", "refused", "dropped")}


def _camera(robot: HammerRobot) -> Camera:
    return camera_from(camera_to_info(robot.camera, header(0, CAMERA_FRAME)))


def _distance(first: Array, second: Array) -> float:
    return float(np.linalg.norm(first[:3, 3] - second[:3, 3]))


def _share(stamps: list[int], answered: Container[int]) -> float:
    return sum(stamp in answered for stamp in stamps) / max(1, len(stamps))


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def _without_numbers(text: str) -> str:
    return "".join("#" if c.isdigit() else c for c in text)[:160]


def _wrong_transforms(robot: HammerRobot, published: dict[int, Array]) -> int:
    """Number of transforms map -> odom that contradict the pose and the odometry of their stamp."""
    return sum(
        stamp not in published or _distance(map_T_odom @ robot.odom_T_base(stamp), published[stamp]) > TOLERANCE
        for stamp, map_T_odom in robot.map_T_odom.items()
    )

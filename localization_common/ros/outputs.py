"""Construction of the messages that the nodes publish."""

from __future__ import annotations

import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import Point, Pose, PoseArray, PoseWithCovarianceStamped, Quaternion
from nav_msgs.msg import OccupancyGrid, Odometry
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from localization_common.geometry.odometry_integration import OdometrySample
from localization_common.ros.conversions import pose_from_matrix, time_from_stamp

try:
    from nav2_msgs.msg import Particle, ParticleCloud
except ImportError:
    ParticleCloud = None

Array = npt.NDArray[np.float64]

#: Largest number of cells of a published belief: a square of 100 m in cells of 0.1 m.
MAX_CELLS = 1_000_000

#: Reliable and transient local: a later subscriber receives the last message.
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def header(stamp: int, frame_id: str) -> Header:
    """Header of a stamp in nanoseconds."""
    return Header(stamp=time_from_stamp(stamp), frame_id=frame_id)


def pose_message(stamp: int, frame_id: str, map_T_base: Array, covariance: Array) -> PoseWithCovarianceStamped:
    """Message of a pose (4, 4) with its covariance (6, 6) of x y z rX rY rZ."""
    message = PoseWithCovarianceStamped(header=header(stamp, frame_id))
    message.pose.pose = pose_from_matrix(map_T_base)
    message.pose.covariance = covariance.ravel()
    return message


def odometry_message(sample: OdometrySample, frame_id: str, child_frame_id: str) -> Odometry:
    """Message of odometry: the pose is in the parent frame and the twist in the child frame, as in nav_msgs."""
    message = Odometry(header=header(sample.stamp, frame_id), child_frame_id=child_frame_id)
    message.pose.pose = pose_from_matrix(sample.odom_T_base)
    message.pose.covariance = sample.covariance.ravel()
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    linear.x, linear.y, linear.z, angular.x, angular.y, angular.z = (float(v) for v in sample.twist)
    message.twist.covariance = sample.twist_covariance.ravel()
    return message


def planar_pose(pose: Array) -> Pose:
    """Message of a planar pose (3,) x, y, yaw."""
    x, y, yaw = (float(v) for v in pose)
    turn = Quaternion(x=0.0, y=0.0, z=float(np.sin(yaw / 2.0)), w=float(np.cos(yaw / 2.0)))
    return Pose(position=Point(x=x, y=y, z=0.0), orientation=turn)


def pose_array(stamp: int, frame_id: str, poses: Array) -> PoseArray:
    """Message of planar poses (K, 3), for viewers."""
    return PoseArray(header=header(stamp, frame_id), poses=[planar_pose(pose) for pose in poses])


def particle_markers(stamp: int, frame_id: str, poses: Array, weights: Array, length: float = 0.15) -> MarkerArray:
    """Markers of particles (K, 3): short lines along their headings, redder with larger weights (K,)."""
    marker = Marker(header=header(stamp, frame_id), ns="particles", id=0, type=Marker.LINE_LIST, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    marker.scale.x = length / 6.0
    heaviest = float(weights.max())
    for (x, y, yaw), weight in zip(poses.tolist(), (weights / heaviest).tolist(), strict=True):
        tip = Point(x=x + length * float(np.cos(yaw)), y=y + length * float(np.sin(yaw)), z=0.02)
        color = ColorRGBA(r=0.3 + 0.7 * weight, g=0.2, b=0.8 * (1.0 - weight), a=0.25 + 0.75 * weight)
        marker.points += [Point(x=x, y=y, z=0.02), tip]
        marker.colors += [color, color]
    return MarkerArray(markers=[marker])


def view_markers(stamp: int, frame_id: str, poses: Array, length: float = 0.35) -> MarkerArray:
    """Markers of the views of a context map (N, 3): green arrows; previous arrows are deleted."""
    markers = [Marker(header=header(stamp, frame_id), ns="context_views", action=Marker.DELETEALL)]
    for number, pose in enumerate(poses):
        marker = Marker(header=header(stamp, frame_id), ns="context_views", id=number, type=Marker.ARROW)
        marker.action, marker.pose = Marker.ADD, planar_pose(pose)
        marker.scale.x, marker.scale.y, marker.scale.z = length, length / 6.0, length / 6.0
        marker.color = ColorRGBA(r=0.0, g=0.62, b=0.45, a=0.9)
        markers.append(marker)
    return MarkerArray(markers=markers)


def possible_resolution(bounds: Sequence[float], resolution: float) -> float:
    """Side of a cell, metres: ``resolution``, or larger, so that a grid over bounds has at most `MAX_CELLS` cells."""
    min_x, min_y, max_x, max_y = (float(v) for v in bounds)
    width, height = max_x - min_x, max_y - min_y
    # The second term is for a corridor of many kilometres, with one row. Each side rounds up to at most one more cell.
    least = max(np.sqrt(width * height / MAX_CELLS), 4.0 * max(width, height) / MAX_CELLS)
    if np.ceil(width / resolution) * np.ceil(height / resolution) <= MAX_CELLS:
        return resolution
    return float(max(resolution, least * 1.01))


def belief_grid(
    stamp: int, frame_id: str, particles: Array, weights: Array, bounds: Sequence[float], resolution: float
) -> OccupancyGrid:
    """Grid with the weight of the particles (K, 3) in each cell, over all headings; 100 is the heaviest cell.

    Args:
        bounds: min_x, min_y, max_x, max_y in metres.
        resolution: side of a cell in metres; larger if the bounds would need too many cells.
    """
    min_x, min_y, max_x, max_y = (float(v) for v in bounds)
    resolution = possible_resolution(bounds, resolution)
    columns = max(1, int(np.ceil((max_x - min_x) / resolution)))
    rows = max(1, int(np.ceil((max_y - min_y) / resolution)))
    span = ((min_y, min_y + rows * resolution), (min_x, min_x + columns * resolution))
    cells, _, _ = np.histogram2d(particles[:, 1], particles[:, 0], bins=(rows, columns), range=span, weights=weights)
    scaled = np.round(100.0 * cells / max(float(cells.max()), 1e-12)).astype(np.int8)
    message = OccupancyGrid(header=header(stamp, frame_id))
    message.info.map_load_time = time_from_stamp(stamp)
    message.info.resolution = float(resolution)
    message.info.width, message.info.height = columns, rows
    message.info.origin = planar_pose(np.array([min_x, min_y, 0.0]))
    message.data = array.array("b", scaled.tobytes())
    return message


def wanted(*publishers: Any) -> bool:
    """Return True if a publisher has a subscriber: images and particles cost more to send than to compute."""
    return any(publisher.get_subscription_count() > 0 for publisher in publishers)


def particle_cloud_type() -> Any:
    """Type nav2_msgs/ParticleCloud if it is installed, else None."""
    return ParticleCloud


def particle_cloud(stamp: int, frame_id: str, poses: Array, weights: Array) -> Any:
    """Message of particles (K, 3) with weights (K,), as amcl publishes them; needs nav2_msgs."""
    particles = [
        Particle(pose=planar_pose(pose), weight=float(weight)) for pose, weight in zip(poses, weights, strict=True)
    ]
    return ParticleCloud(header=header(stamp, frame_id), particles=particles)

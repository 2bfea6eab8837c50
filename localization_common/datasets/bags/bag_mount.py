"""Mount of the camera on the robot: from the bag's TF or from the user, never from a guess."""

from __future__ import annotations

from dataclasses import dataclass

from localization_common.datasets.bags.bag_transforms import BagTransforms
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.sequence import Poses
from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_common.messages.base_frame import BASE_FRAMES, choose_base_frame

_STATE_IT = (
    "name the base's frame with --base-frame, or state the mount with --mount X Y Z ROLL PITCH YAW (metres and "
    "degrees; 0 0 0 0 0 0 where the poses are those of the camera, along its view)"
)


@dataclass(frozen=True)
class Mount:
    """Mount of the camera on the robot.

    Attributes:
        base_frame: frame of the base, in which poses and odometry are given; empty where it has no name.
        camera_frame: optical frame of the camera; empty where the mount was stated.
        base_T_camera: (4, 4) pose of the camera on the base.
        source: origin of the mount, for people.
        remarks: sentences on possible mistakes.
    """

    base_frame: str
    camera_frame: str
    base_T_camera: Poses
    source: str
    remarks: tuple[str, ...] = ()


def find_mount(
    where: str, transforms: BagTransforms, options: RecordingOptions, *, camera_frame: str, odometry_child: str
) -> Mount:
    """Mount of the camera.

    Args:
        where: path of the recording, for messages.
        transforms: TF of the recording.
        options: ``base_frame`` and ``mount``.
        camera_frame: frame in the images' headers.
        odometry_child: frame whose motion the odometry gives; empty if unknown.

    Raises:
        DatasetError: TF does not join the camera to the base, and no mount was stated.
    """
    stated = options.base_T_camera
    if stated is not None:
        return Mount(options.base_frame or odometry_child, "", stated, "stated by --mount")
    if not camera_frame:
        raise DatasetError(
            f"{where}: images and camera_info have no frame_id, so TF has no place for them; {_STATE_IT}"
        )
    for resting in (False, True):
        joined = transforms.joined(camera_frame, resting=resting)
        base = choose_base_frame(joined, options.base_frame, odometry_child)
        if base:
            base_T_camera = se3.inverse(joined[base])
            source = f"TF, {base} to {camera_frame}" + (" (a link of /tf that never moves)" if resting else "")
            return Mount(base, camera_frame, base_T_camera, source, _remarks(base_T_camera, camera_frame))
    raise DatasetError(f"{where}: {_reason(transforms, options, camera_frame, odometry_child)}; {_STATE_IT}")


def _reason(transforms: BagTransforms, options: RecordingOptions, camera_frame: str, odometry_child: str) -> str:
    wanted = options.base_frame or " or ".join(dict.fromkeys(filter(None, (*BASE_FRAMES, odometry_child))))
    if not transforms.frames and transforms.refused.total:
        return f"TF cannot be used: {transforms.refused.reasons('messages')}"
    if not transforms.frames:
        return f"no TF in it, so the way from the base ({wanted}) to the camera ({camera_frame}) is unknown"
    joined = transforms.joined(camera_frame, resting=True)
    moving = [f"{parent} to {child}" for parent, child in transforms.moving if child in joined]
    beside = f"; it moves: {', '.join(moving)}" if moving else ""
    others = ", ".join(sorted(set(joined) - {camera_frame})) or "none"
    return (
        f"TF does not join the camera ({camera_frame}) to the base ({wanted}); frames fixed to the camera: {others}"
        f"{beside}; frames in TF: {', '.join(transforms.frames)}"
    )


def _remarks(base_T_camera: Poses, camera_frame: str) -> tuple[str, ...]:
    """Warn of a camera frame with the axes of a body: its images would look at the ceiling."""
    if base_T_camera[2, 2] < 0.95:
        return ()
    return (
        f"the camera frame {camera_frame} looks straight up: is it a body frame (x forward)? The driver's frame_id "
        "must be the optical frame (z forward, REP-103)",
    )

"""Calibration of a bag's images: the most frequent camera_info that can be used and fits their size."""

from __future__ import annotations

from dataclasses import dataclass

from localization_common.camera import Camera
from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.topic import Topic
from localization_common.datasets.bags.topic_lookup import CAMERA_INFO, listing, option_name
from localization_common.errors import CameraError, DatasetError
from localization_common.messages.cameras import camera_from, is_rectified_topic
from localization_common.messages.poses import frame_name

_GIVE = "calibrate the camera (camera_calibration) and record camera_info, or give it with --camera FILE"


@dataclass(frozen=True)
class BagCamera:
    """Calibration found in a bag.

    Attributes:
        camera: camera of the images.
        frame_id: frame of the camera_info messages.
        source: topic, and how it was used, for people.
        remarks: sentences on possible mistakes.
        refused: camera_info messages that are not used.
    """

    camera: Camera
    frame_id: str
    source: str
    remarks: tuple[str, ...]
    refused: Tally


def find_camera(bag: Bag, topic: Topic | None, image_topic: str, size: tuple[int, int]) -> BagCamera:
    """Calibration of images of a size (width, height).

    Raises:
        DatasetError: there is no camera_info, or none that can be used; the text has the reasons.
    """
    if topic is None:
        others = [other for other in bag.of_kind(CAMERA_INFO) if len(other) > 0]
        of_others = f"; {listing(others)}: name one with {option_name('camera_info')} if it is of this camera"
        raise DatasetError(f"{bag.path}: no camera_info for {image_topic}{of_others if others else ''}; {_GIVE}")
    rectified = is_rectified_topic(image_topic)
    refused, found, frame_id = Tally(), dict[Camera, int](), ""
    for index, message in bag.messages(topic):
        where = f"{topic.name}, message {index}"
        if isinstance(message, DatasetError):
            refused.add(str(message), where)
            continue
        try:
            camera = camera_from(message, rectified=rectified)
        except CameraError as error:
            refused.add(str(error), where)
            continue
        if (camera.width, camera.height) != size:
            reason = f"camera_info is of {camera.width}x{camera.height} pixels, images are {size[0]}x{size[1]}"
            refused.add(reason, where)
            continue
        frame_id = frame_id or frame_name(message.header.frame_id)
        found[camera] = found.get(camera, 0) + 1
    if not found:
        reasons = refused.reasons("messages")
        raise DatasetError(f"{bag.path}: {topic.name} cannot be used: {reasons}; {_GIVE}")
    usual = max(found, key=lambda camera: found[camera])
    remarks: tuple[str, ...] = ()
    if len(found) > 1:
        different = sum(found.values()) - found[usual]
        remarks = (f"{topic.name} changes: {different} messages differ from the most frequent one, which is taken",)
    source = topic.name + (" (P, without distortion: the topic is rectified)" if rectified else "")
    return BagCamera(usual, frame_id, source, remarks, refused)

"""Camera topics from the launch arguments `image`, `camera_info` and `image_transport`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from localization_common.errors import ConfigError

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_TOPIC = re.compile(rf"(~/|/)?{_NAME}(/{_NAME})*")
#: Endings of topics of image_transport that the nodes cannot read.
UNREADABLE = ("compressedDepth", "ffmpeg", "foxglove", "theora", "zstd")


@dataclass(frozen=True)
class CameraTopics:
    """Topics to subscribe to; an empty topic is the default of the nodes.

    Attributes:
        image: topic of the raw image; compressed images are expected on `<image>/compressed`.
        camera_info: topic of the calibration.
        transport: raw or compressed; empty: as in the parameter files.
        notes: sentences about topics that were derived from others.
    """

    image: str
    camera_info: str
    transport: str
    notes: tuple[str, ...]


def camera_topics(image: str, camera_info: str, transport: str) -> CameraTopics:
    """Compute the topics of these launch arguments, each of which may be empty.

    Raises:
        ConfigError: a name is not a topic, or the nodes cannot read the topic.
    """
    for argument, topic in (("image", image), ("camera_info", camera_info)):
        check_topic(argument, topic)
    notes = []
    ending = image.rpartition("/")[2]
    if ending in UNREADABLE:
        raise ConfigError(
            f"image:={image} is a topic of the transport {ending}; the nodes read raw and compressed images: "
            f"give the topic that it belongs to, for example image:={image.removesuffix(f'/{ending}')}"
        )
    if image.endswith("/compressed"):
        if transport == "raw":
            raise ConfigError(
                f"image:={image} is a topic of compressed images, but image_transport is raw: "
                f"type image_transport:=compressed, or image:={image.removesuffix('/compressed')} for raw images"
            )
        image, transport = image.removesuffix("/compressed"), "compressed"
        notes.append(f"compressed images from {image}/compressed: image ends in /compressed")
    if image and not camera_info:
        camera_info = "".join(image.rpartition("/")[:2]) + "camera_info"
        notes.append(f"calibration from {camera_info}, beside the image; camera_info:=TOPIC names another")
    return CameraTopics(image, camera_info, transport, tuple(notes))


def check_topic(argument: str, topic: str) -> None:
    """Refuse a name that is not a topic of ROS; an empty name is accepted.

    Raises:
        ConfigError: the name is not a topic; the message has the launch argument.
    """
    if topic and (not _TOPIC.fullmatch(topic) or "__" in topic):
        raise ConfigError(
            f"{argument}:={topic} is not the name of a topic: letters, digits, _ and / are allowed, no part may be "
            f"empty or begin with a digit; an example is /camera/color/image_raw"
        )

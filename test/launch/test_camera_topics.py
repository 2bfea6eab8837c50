"""Tests of the launch arguments of the camera and of the topics that follow from them."""

from __future__ import annotations

import pytest

from deep_localization.camera_topics import camera_topics, check_topic
from localization_common.errors import ConfigError


@pytest.mark.parametrize(
    ("image", "camera_info", "transport", "expected"),
    [
        ("", "", "", ("", "", "")),
        ("", "calibration", "compressed", ("", "calibration", "compressed")),
        ("/camera/color/image_raw", "", "", ("/camera/color/image_raw", "/camera/color/camera_info", "")),
        ("/camera/color/image_raw", "/other/info", "raw", ("/camera/color/image_raw", "/other/info", "raw")),
        ("image_raw", "", "compressed", ("image_raw", "camera_info", "compressed")),
        ("/image", "", "", ("/image", "/camera_info", "")),
        ("~/image_raw", "", "", ("~/image_raw", "~/camera_info", "")),
        ("/cam/image_raw/compressed", "", "", ("/cam/image_raw", "/cam/camera_info", "compressed")),
        ("/cam/image_raw/compressed", "", "compressed", ("/cam/image_raw", "/cam/camera_info", "compressed")),
    ],
)
def test_calibration_is_beside_the_image_and_compressed_topics_are_recognised(
    image: str, camera_info: str, transport: str, expected: tuple[str, str, str]
) -> None:
    found = camera_topics(image, camera_info, transport)
    assert (found.image, found.camera_info, found.transport) == expected
    derived = bool(image and not camera_info)
    assert any(f"calibration from {found.camera_info}" in note for note in found.notes) == derived
    assert any(f"from {found.image}/compressed" in note for note in found.notes) == image.endswith("/compressed")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("/cam/image_raw/compressed", "", "raw"),
            "type image_transport:=compressed, or image:=/cam/image_raw for raw",
        ),
        (("/cam/depth/compressedDepth", "", ""), "transport compressedDepth.*for example image:=/cam/depth$"),
        (("/cam/image_raw/theora", "", "compressed"), "transport theora"),
        (("/cam//image", "", ""), "image:=/cam//image is not the name of a topic"),
        (("/cam/image", "camera info", ""), "camera_info:=camera info is not the name of a topic"),
    ],
)
def test_unreadable_topics_are_refused_with_the_remedy(arguments: tuple[str, str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        camera_topics(*arguments)


@pytest.mark.parametrize("topic", ["/", "odom/", "1odom", "~odom", "a__b", "-odom", "odom:=x"])
def test_invalid_topic_names_are_refused(topic: str) -> None:
    with pytest.raises(ConfigError, match="odom:="):
        check_topic("odom", topic)

"""Memory of a node's process: received images do not go back to the system and come again."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Allocates and frees copies of VGA images as rclpy does, and prints the page faults of the last hundred.
IMAGES = """
import array, resource
{before}
def receive():
    return array.array("B", bytes(640 * 480 * 3))
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    receive()
began = faults()
for _ in range(100):
    receive()
print((faults() - began) / 100)
"""
KEEP = "from localization_common.ros.memory import keep_freed_memory\nassert keep_freed_memory()"


def faults(before: str) -> float:
    """Page faults for each image in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", IMAGES.format(before=before)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
def test_freed_images_stay_in_the_process() -> None:
    assert faults(KEEP) < 1.0
    assert faults("") > 100.0, "glibc keeps freed memory by itself now: keep_freed_memory() is not needed"

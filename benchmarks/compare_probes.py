"""Probes of `compare`: short pieces of work whose time users feel, by their names.

As a program it serves another process: for each line with a probe's name it prints one line of JSON, with milliseconds
or with the reason why this version has no such probe. Probes use interfaces that older versions have, too.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from localization_common.camera import Camera
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer

Work = Callable[[], object]

#: Images of all probes: VGA, 90 degrees wide.
WIDTH, HEIGHT = 640, 480
_FRAMES, _RATE_NS = 16, 100_000_000


def _images() -> list[npt.NDArray[np.uint8]]:
    """Draw coarse images whose edges move from one to the next."""
    small = np.random.default_rng(0).integers(0, 255, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
    whole = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(np.roll(whole, 2 * i, axis=1)) for i in range(_FRAMES)]


def _steps(localizer: FrameLocalizer) -> Work:
    """Make a function that localizes with the next image."""
    localizer.set_camera(Camera.from_field_of_view(WIDTH, HEIGHT, 90.0))
    images, numbers = _images(), itertools.count(1)

    def work() -> object:
        number = next(numbers)
        return localizer.step(images[number % _FRAMES], number * _RATE_NS)

    return work


def vlocnet_frame(root: Path) -> Work:
    """Step of the shipped light network, with its pose fusion."""
    from vlocnet_ros.runtime.localizer import Localizer

    localizer = Localizer.from_checkpoint(root / "models/vlocnet_apartment_light.safetensors", threads=1)
    return _steps(localizer)


def lost_frame(root: Path) -> Work:
    """Search of an image that is nowhere in the shipped keyframe map: the longest search."""
    from localization_common.keyframes.keyframe_map import KeyframeMap
    from localization_common.refinement.refiner import Refiner
    from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer

    refiner = Refiner(KeyframeMap.load(root / "models/apartment_keyframes.safetensors"))
    localizer = KeyframeLocalizer(refiner, None, frozen_after=0)
    return _steps(localizer)


def dmn_frame(root: Path) -> Work:
    """Belief update of the shipped particle filter and its map."""
    from dmn_ros.runtime.localizer import Localizer

    models = root / "models"
    localizer = Localizer.from_files(
        models / "dmn_apartment.safetensors", models / "apartment_map.safetensors", threads=1
    )
    localizer.set_camera(Camera.from_field_of_view(WIDTH, HEIGHT, 90.0))
    images, numbers = _images(), itertools.count(1)

    def work() -> object:
        number = next(numbers)
        localizer.request_update()
        return localizer.step(images[number % _FRAMES], number * _RATE_NS, (0.0, 0.0, 0.0))

    return work


def jpeg_message(root: Path) -> Work:
    """Decoding of a compressed image, with its checks."""
    import simplejpeg
    from sensor_msgs.msg import CompressedImage

    from localization_common.messages import rgb_from_compressed

    message = CompressedImage(format="jpeg", data=simplejpeg.encode_jpeg(_images()[0], quality=90))
    return lambda: rgb_from_compressed(message)


PROBES: dict[str, Callable[[Path], Work]] = {
    "vlocnet frame": vlocnet_frame,
    "lost frame": lost_frame,
    "dmn frame": dmn_frame,
    "JPEG message": jpeg_message,
}
#: Runs before the first measurement, and of one measurement, of which the fastest counts.
_WARM_UP, _RUNS = 5, 5


def measured(work: Work, runs: int) -> float:
    """Time of the fastest of some runs, milliseconds."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1e3 * min(times)


def main() -> None:
    """Serve measurements until the input ends."""
    root, answers = Path(os.getcwd()), sys.stdout
    torch.set_num_threads(1)
    ready: dict[str, Work] = {}
    for line in sys.stdin:
        name = line.strip()
        try:
            with contextlib.redirect_stdout(sys.stderr):
                if name not in ready:
                    ready[name] = PROBES[name](root)
                    measured(ready[name], _WARM_UP)
                answer: dict[str, object] = {"ms": measured(ready[name], _RUNS)}
        except Exception as error:  # an older version may lack anything
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

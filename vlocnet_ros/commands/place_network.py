"""Network of a place: a trained one replaces it only if it is better on the held-out frames of the place."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Collection
from pathlib import Path
from typing import Any

from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError
from localization_common.place import Place
from localization_common.place.choice import writing
from vlocnet_ros.commands.calibrate import calibrated
from vlocnet_ros.commands.evaluate import evaluate
from vlocnet_ros.commands.verdict import USEFUL, verdict
from vlocnet_ros.evaluation.calibration_replay import with_recencies
from vlocnet_ros.runtime.checkpoint import Residuals
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig

Numbers = Mapping[str, Any]

#: Errors that are compared: the part of an evaluation, and their names.
_COMPARED = (("pose", ("median_m", "median_deg")), ("odometry", ("rpe_percent", "rpe_deg_per_m")))
#: Smallest error in a logarithm.
_LEAST = 1e-6


def measure(file: Path, held_out: Collection[Sequence], max_frame_gap: int) -> tuple[dict[str, Any], Residuals]:
    """Return scores and residuals of a checkpoint on held-out sequences, frame by frame as on a robot."""
    evaluation = evaluate(file, held_out, max_frame_gap=max_frame_gap)
    return calibrated(evaluation, with_recencies(TrackingConfig()))


def require_comparable(output: Path | None, place: Place | None, held_out: Collection[Sequence]) -> None:
    """Refuse a training that would replace the network of a place without frames to compare the two on.

    Args:
        output: file that the user names, which is replaced in any case.
        place: place of the training.
        held_out: held-out frames of the place.

    Raises:
        ConfigError: there are none.
    """
    if output is None and place is not None and place.has("vlocnet") and not held_out:
        raise ConfigError(
            f"{place.location('vlocnet')}: exists, and there are no held-out frames to compare a new network with it: "
            "give --hold-out, --validate or --exclude, name another --output, or move the file away"
        )


@contextlib.contextmanager
def writing_if_better(
    output: Path | None,
    place: Place | None,
    numbers: Numbers,
    held_out: Collection[Sequence],
    *,
    max_frame_gap: int,
    otherwise: Path,
) -> Iterator[Path]:
    """Path at which to write a trained network: that of the output or of the place; prints its scores.

    Args:
        output: file that the user names.
        place: place of the training.
        numbers: scores of the trained network on the held-out frames.
        held_out: held-out frames.
        max_frame_gap: largest difference of the frame numbers of a pair.
        otherwise: path for the trained network if the place has one that is at least as good, or localizes better
            without one.

    Raises:
        ConfigError: there is neither output nor place.
        MapError: the place has another map frame than when it was opened.
        CheckpointError: the place's network is damaged.
    """
    print(f"on held-out frames: {brief(numbers)}")
    if sentence := verdict(numbers):
        print(sentence)
    if output is None and place is not None:
        reason = _why_not(place, numbers, held_out, max_frame_gap)
        if reason:
            print(f"{reason}; the new network is {otherwise}")
            yield otherwise
            return
    with writing(output, place, "vlocnet") as file:
        yield file
        if output is None:
            print(f"{file} is new; a running vlocnet node loads it with its service ~/load_checkpoint")


def _why_not(place: Place, numbers: Numbers, held_out: Collection[Sequence], max_frame_gap: int) -> str:
    """Reason why a trained network is not put into a place; empty if it is."""
    file = place.location("vlocnet")
    if place.has("vlocnet"):
        old, _ = measure(file, held_out, max_frame_gap)
        print(f"{file}, the network that the place has: {brief(old)}")
        return "" if better(numbers, old) else f"{file} stays, since the new network is not better"
    error = numbers["pose"]["median_m"] if "pose" in numbers else 0.0
    if place.has("keyframes") and error > USEFUL:
        return (
            f"{place.path} gets no network: half of its poses are off by more than {error:.2f} m, and the keyframes "
            "alone localize better; train longer (--minutes)"
        )
    return ""


def better(new: Numbers, old: Numbers) -> bool:
    """Return True if the mean log error of poses and odometry is smaller; only what both have is compared.

    A network without poses is never better than one with poses, and the other way round always worse.
    """
    if ("pose" in new) != ("pose" in old):
        return "pose" in new
    changes = [
        math.log(max(new[part][name], _LEAST) / max(old[part][name], _LEAST))
        for part, names in _COMPARED
        if part in new and part in old
        for name in names
    ]
    return sum(changes) < 0.0


def brief(numbers: Numbers) -> str:
    """Format the most important scores as one line."""
    parts = [f"{numbers['frames']} frames"] if "frames" in numbers else ["not measured"]
    if pose := numbers.get("pose"):
        within = f"{100 * pose['within_25cm_5deg']:.0f} % within 25 cm and 5 deg"
        parts.append(f"poses off by {pose['median_m']:.3f} m and {pose['median_deg']:.2f} deg in the median, {within}")
    if odometry := numbers.get("odometry"):
        parts.append(f"odometry by {odometry['rpe_percent']:.2f} % and {odometry['rpe_deg_per_m']:.2f} deg/m")
    return ", ".join(parts)

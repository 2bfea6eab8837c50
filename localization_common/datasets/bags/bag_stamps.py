"""Stamps of a bag's messages: zeros, repetitions, and clocks that do not fit each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.errors import DatasetError

Stamps = npt.NDArray[np.int64]

#: Seconds by which the delay from stamp to recording may differ from the delay of the neighbours.
MAX_CLOCK_STEP = 10.0
#: Number of messages, the message itself included, with which its delay is compared.
_WINDOW = 11


def seconds(stamps: Stamps) -> str:
    """First and last stamp in seconds, for people, of stamps in nanoseconds."""
    return f"{stamps.min() * 1e-9:.3f} to {stamps.max() * 1e-9:.3f} s"


def off_clock(stamps: Stamps, recorded: Stamps) -> npt.NDArray[np.bool_]:
    """(N,) True for stamps that contradict their neighbours: for example one message with a stamp an hour ahead.

    Args:
        stamps: (N,) stamps of the headers, in order of recording.
        recorded: (N,) times of recording, maybe of another clock.
    """
    late = stamps.astype(np.float64) - recorded  # float: integers could overflow
    if len(late) < 3:
        return np.zeros(len(late), dtype=np.bool_)
    width = min(_WINDOW, len(late) - (len(late) + 1) % 2)
    padded = np.pad(late, width // 2, mode="reflect")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    return np.asarray(np.abs(late - usual) > MAX_CLOCK_STEP * 1e9)


def require_stamps(stamps: Stamps, where: str) -> None:
    """Refuse messages without stamps.

    Raises:
        DatasetError: all stamps are 0, or the same.
    """
    if len(stamps) == 0 or (stamps != stamps[0]).any() or (len(stamps) == 1 and stamps[0] != 0):
        return
    what = "0" if stamps[0] == 0 else f"{stamps[0]} ns"
    raise DatasetError(
        f"{where}: all {len(stamps)} stamps are {what}; the driver does not stamp its messages: correct that (frame_id "
        "and stamp of the header) and record again"
    )


def clock_conflict(images: Stamps, image_topic: str, others: Stamps, other_topic: str) -> str:
    """Error message for two topics that have no time in common; empty if they have."""
    if len(others) == 0 or (images.max() >= others.min() and others.max() >= images.min()):
        return ""
    years_apart = abs(int(images.min()) - int(others.min())) > 3.15e16
    reason = (
        "they have different clocks" if years_apart else "they were not recorded at the same time, or differ in clock"
    )
    return (
        f"images on {image_topic} are from {seconds(images)}, {other_topic} is from {seconds(others)}: {reason}; "
        "stamp both with the same clock (use_sim_time on all nodes or on none; chrony between computers)"
    )

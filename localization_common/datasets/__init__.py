"""Data sets: one type `Sequence`, and a reader for each format."""

from localization_common.datasets.frame_ranges import FrameRanges
from localization_common.datasets.opening import open_sequence, open_sequences
from localization_common.datasets.sequence import Sequence

__all__ = ["FrameRanges", "Sequence", "open_sequence", "open_sequences"]

"""Pairs of keyframes that may show the same, without poses: neighbours in time, and those that look alike."""

from __future__ import annotations

from localization_mapping.closures import similar_keyframes
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.options import MappingOptions

#: Number of keyframes after each one with which it is matched.
_SUCCESSORS = 10


def visual_pairs(keyframes: KeyframeSet, options: MappingOptions) -> list[tuple[int, int]]:
    """Choose pairs (a, b) of keyframes, a < b, in order.

    Each keyframe is paired with the next ones of its drive, with the most similar earlier ones of its drive, and with
    the most similar ones of the drives before.
    """
    pairs = set()
    for a, groups in similar_keyframes(keyframes, options.similar, 0):
        pairs |= {(int(b), a) for group in groups for b in group}
    for a in range(len(keyframes)):
        last = min(len(keyframes), a + _SUCCESSORS + 1)
        pairs |= {(a, b) for b in range(a + 1, last) if keyframes.drive[a] == keyframes.drive[b]}
    return sorted(pairs)

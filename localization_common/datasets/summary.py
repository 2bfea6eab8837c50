"""Summary of the reading of a recording: findings, assumptions, and the input that was left out with its reasons."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

#: Name of camera frames in `LeftOut.what`: their counts must add up (`ReadingSummary.frames_left_out`).
FRAMES = "frames"
#: Name of the finding on ground truth: the poses that were found, or the reason for having none.
TRUE_POSES = "true poses"
#: Name of the finding on the number of frames with a pose, in recordings that are no bags.
POSES = "poses"
#: Number of examples in a line of text.
_SHOWN = 3


def plain(text: object, limit: int = 200) -> str:
    """Text from a file as a part of one line: ``?`` for unprintable characters, ``...`` for the end of a long text."""
    line = str(text)
    line = line if len(line) <= limit else f"{line[: limit - 3]}..."
    return line if line.isprintable() else "".join(c if c.isprintable() else "?" for c in line)


@dataclass(frozen=True)
class Finding:
    """Fact about the recording.

    Attributes:
        name: one or two words, such as ``images``.
        text: fact, such as ``446 on /image (sensor_msgs/msg/Image), 320x240``.
    """

    name: str
    text: str


@dataclass(frozen=True)
class LeftOut:
    """Input that was not used.

    Attributes:
        count: number of inputs.
        what: name of the inputs in the plural: ``frames`` (`FRAMES`), ``poses``, ``odometry messages``.
        reason: reason, such as ``the picture is missing``.
        examples: file and line, or topic and time, of the first ones.
    """

    count: int
    what: str
    reason: str
    examples: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """First examples, for people."""
        more = ", ..." if self.count > min(len(self.examples), _SHOWN) else ""
        return ", ".join(self.examples[:_SHOWN]) + more

    def text(self) -> str:
        """Line for people."""
        return f"{self.count} {self.what}: {self.reason}" + (f" ({self.shown})" if self.examples else "")


@dataclass(frozen=True)
class ReadingSummary:
    """Summary of a reader: its findings, its assumptions, and the input that it left out.

    The counts add up: frames in the recording = frames of the `Sequence` + `frames_left_out`.

    Attributes:
        source: path and format, such as ``/data/drive (TUM RGB-D)``.
        found: facts about the recording.
        assumed: sentences on values that are not in the recording and were taken from elsewhere.
        left_out: input that was not used.
    """

    source: str = ""
    found: tuple[Finding, ...] = ()
    assumed: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def frames_left_out(self) -> int:
        """Number of camera frames of the recording that are not in the sequence."""
        return sum(part.count for part in self.left_out if part.what == FRAMES)

    def fact(self, name: str) -> str:
        """Text of the finding of this name; empty if there is none."""
        return next((finding.text for finding in self.found if finding.name == name), "")

    def with_found(self, *found: Finding) -> ReadingSummary:
        """Summary with further facts."""
        return replace(self, found=self.found + found)

    def with_assumed(self, *assumed: str) -> ReadingSummary:
        """Summary with further assumptions."""
        return replace(self, assumed=self.assumed + assumed)

    def with_left_out(self, *left_out: LeftOut) -> ReadingSummary:
        """Summary with further input that was not used; counts of zero are dropped."""
        return replace(self, left_out=self.left_out + tuple(part for part in left_out if part.count > 0))

    def text(self) -> str:
        """Lines for people; empty if the summary is empty."""
        lines = [f"  {finding.name}: {finding.text}" for finding in self.found]
        lines += [f"  assumed: {sentence}" for sentence in self.assumed]
        lines += [f"  left out: {part.text()}" for part in self.left_out]
        return "\n".join([self.source, *lines]) if lines else ""

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionary for JSON."""
        return asdict(self)

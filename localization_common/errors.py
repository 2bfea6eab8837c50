"""Errors of the package: one root, so that a caller can catch everything that is ours.

A message says what was wrong, where (file, field, topic) and what to do.
"""

#: Characters that a message has at most; of a longer one, the middle is left out.
LONGEST = 1200


class LocalizationError(Exception):
    """Root of every error that this package raises on purpose.

    Its text can be shown: parts that come from a damaged file may be long, or hold characters that clear a terminal.
    """

    def __str__(self) -> str:
        text = super().__str__()
        text = text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
        return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


class ConfigError(LocalizationError):
    """A configuration value is out of range or contradicts another one."""


class InputError(LocalizationError):
    """A frame cannot be used: wrong shape, encoding or content."""


class CameraError(LocalizationError):
    """A camera cannot give what the network was trained with."""


class CheckpointError(LocalizationError):
    """A checkpoint is missing, damaged or made for something else."""


class MapError(LocalizationError):
    """A map is missing, damaged or made for something else."""


class DatasetError(LocalizationError):
    """Recorded data is missing or not in the format that it claims."""

"""Errors of the package, with one root class, so that a caller can catch all of them.

A message gives the mistake, its place (file, field, topic) and the remedy, in this order.
"""

#: Largest number of characters of a message; the middle of a longer one is left out.
LONGEST = 1200


class LocalizationError(Exception):
    """Root of every error that this package raises on purpose.

    Its text is safe to print: it is cut, and characters that clear a terminal (from a damaged file) are replaced.
    """

    def __str__(self) -> str:
        text = super().__str__()
        text = text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
        return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


class ConfigError(LocalizationError):
    """Configuration value that is out of range or contradicts another one."""


class InputError(LocalizationError):
    """Frame that cannot be used: wrong shape, encoding or content."""


class EstimateError(LocalizationError):
    """Result of a computation that must not be published: not finite, or not possible."""


class CameraError(LocalizationError):
    """Camera that cannot give the images that the network was trained with."""


class CheckpointError(LocalizationError):
    """Checkpoint that is missing, damaged or made for another use."""


class MapError(LocalizationError):
    """Map that is missing, damaged or made for another use."""


class DatasetError(LocalizationError):
    """Recorded data is missing, or is not in the expected format."""


class NotReadyError(LocalizationError):
    """Node that did not become ready, or did not finish, in time."""

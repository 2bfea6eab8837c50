"""Errors of the package: one root, so that a caller can catch everything that is ours.

A message says what was wrong, where (file, field, topic) and what to do.
"""


class LocalizationError(Exception):
    """Root of every error that this package raises on purpose."""


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

"""Check that Rerun is installed, before modules that import it."""

from __future__ import annotations

import importlib.util

from localization_common.errors import ConfigError

#: Command that installs Rerun beside this package.
INSTALL = "python3 -m pip install 'rerun-sdk>=0.39'"


def require_rerun() -> None:
    """Refuse to go on without Rerun.

    Raises:
        ConfigError: it is not installed; the message has the command that installs it.
    """
    if importlib.util.find_spec("rerun") is None:
        missing = ModuleNotFoundError("No module named 'rerun'", name="rerun")
        raise ConfigError(f"Rerun, the viewer, is not installed: {INSTALL}") from missing

"""Launch arguments that are true or false, in the spellings of ROS 2's conditions."""

from __future__ import annotations

from localization_common.errors import ConfigError

#: Spellings, in any case.
SPELLINGS = {"true": True, "1": True, "false": False, "0": False}


def switch(argument: str, text: str) -> bool:
    """Return the value of a launch argument that is true or false.

    Raises:
        ConfigError: it is neither; the message has the launch argument.
    """
    value = SPELLINGS.get(text.strip().lower())
    if value is None:
        raise ConfigError(f"{argument}:={text} is neither true nor false: give {argument}:=true or {argument}:=false")
    return value

"""Sink of a live recording: a window, a web page or a file."""

from __future__ import annotations

import rerun as rr

from deep_localization.viewer.settings import FILE, WEB, ViewerSettings
from localization_common.errors import ConfigError
from localization_common.files.paths import user_path


def open_sink(stream: rr.RecordingStream, settings: ViewerSettings) -> str:
    """Connect a recording to the place that `show` names, and return a sentence about it.

    Raises:
        ConfigError: the file cannot be written, a port is in use, or the window does not open.
    """
    try:
        if settings.show == FILE:
            path = user_path(settings.file, "file")
            path.parent.mkdir(parents=True, exist_ok=True)
            stream.save(path)
            return f"writing {path}: open it with: rerun {path}"
        if settings.show == WEB:
            address = stream.serve_grpc(grpc_port=settings.grpc_port, server_memory_limit=settings.memory)
            rr.serve_web_viewer(web_port=settings.web_port, open_browser=False, connect_to=address)
            page = f"http://localhost:{settings.web_port}/?url={address}"
            return f"open {page} in a browser; on another computer, put this one's name for localhost and 127.0.0.1"
        rr.spawn(port=settings.grpc_port, memory_limit=settings.memory, hide_welcome_screen=True, recording=stream)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"parameter show is {settings.show}: {error}") from error
    return "Rerun's viewer is open"

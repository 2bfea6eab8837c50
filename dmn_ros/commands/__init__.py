"""Command lines of the DMN."""

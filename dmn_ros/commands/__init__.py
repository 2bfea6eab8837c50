"""Command lines of the DMN: options in, files and tables out."""

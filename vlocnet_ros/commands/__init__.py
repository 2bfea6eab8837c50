"""Command lines of VLocNet++: options in, files and tables out."""

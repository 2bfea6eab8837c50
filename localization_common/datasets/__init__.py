"""Data sets: one `Sequence` type and a reader for each format."""

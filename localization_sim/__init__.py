"""Worlds to train and test in."""

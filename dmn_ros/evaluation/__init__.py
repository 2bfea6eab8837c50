"""Scores of the particle filter on recorded drives."""

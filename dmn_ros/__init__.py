"""Differentiable Mapping Network: a learned map of a few views and the particle filter that reads it."""

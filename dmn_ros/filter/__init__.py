"""Particle filter: motion, weights, resampling, summary of the belief."""

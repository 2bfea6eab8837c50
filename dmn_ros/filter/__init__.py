"""The particle filter: motion, weights, resampling, summary of the belief."""

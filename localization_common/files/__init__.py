"""Files of this package and their limits: atomic writes, headers, tensors, paths, commits."""

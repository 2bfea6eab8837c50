"""Context maps: views with embeddings and planar poses."""

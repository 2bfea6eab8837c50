"""Report of a mapped place: one HTML page."""

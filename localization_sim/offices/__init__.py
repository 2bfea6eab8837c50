"""Office floors: corridors, rooms that look alike, open areas and glass, of any area."""

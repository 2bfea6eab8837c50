"""A map of keyframes: points in space with what they look like, built from frames with poses."""

"""A prior pose and an image, refined against a map of keyframes."""

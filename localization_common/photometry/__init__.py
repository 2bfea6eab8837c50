"""Light and camera response of images: normalisation inside networks, and random changes for their training."""

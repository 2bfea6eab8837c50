"""Light of simulated apartments: lamps, daylight through windows, and the response of the camera."""

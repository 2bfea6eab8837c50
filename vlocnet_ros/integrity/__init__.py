"""How far a pose can be trusted: what the last poses agree on by way of the odometry, and how uncertain that is."""

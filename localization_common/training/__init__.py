"""Parts that the trainings of all networks share."""

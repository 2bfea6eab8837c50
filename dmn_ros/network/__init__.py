"""Networks of the DMN: torch and geometry only."""

"""Training of a DMN on recorded drives."""

"""Simulated apartments: floor plan, furniture, textures, drives."""

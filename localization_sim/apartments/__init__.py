"""Apartments: floor plan, furniture, textures, drives."""

"""Figures and the self-contained HTML report of an evaluation."""

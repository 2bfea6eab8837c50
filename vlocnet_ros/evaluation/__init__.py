"""Scores of a VLocNet++ checkpoint on recorded sequences, and the tables of the paper."""

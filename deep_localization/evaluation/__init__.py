"""Evaluation of both localizers on recordings, offline and live."""

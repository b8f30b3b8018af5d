"""Ranking metrics over sessions, in NumPy."""

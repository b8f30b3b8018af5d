"""Losses as sums over valid elements and their number."""

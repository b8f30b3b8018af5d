"""Keras layers that work on any Keras backend."""

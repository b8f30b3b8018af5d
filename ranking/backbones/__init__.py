"""Multi-scenario models that read vectors and return logits: Keras layers and their settings."""

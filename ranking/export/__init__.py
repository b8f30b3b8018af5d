"""From trained networks to a SavedModel that a server loads."""

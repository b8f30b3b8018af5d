"""Programs around the edges."""

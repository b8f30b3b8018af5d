"""Where sessions come from: a simulator, files of publishers, a user's own tables."""

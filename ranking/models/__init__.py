"""Models: functions from a feature spec and settings to networks."""

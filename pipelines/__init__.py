"""The programs: prepare, train, evaluate, export."""

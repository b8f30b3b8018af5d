"""The feature spec, and what follows from it: records, batches, inputs, tables."""

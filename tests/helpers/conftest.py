"""What doctest shall leave alone: a script that wants a process, and a Keras, of its own."""

collect_ignore = ["tfrs_checks.py"]

"""What `pipelines.reproduce` is made of: the runs of a paper, and the report on them."""

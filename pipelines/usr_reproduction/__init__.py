"""What `pipelines.reproduce --paper=usr` adds: the systems, numbers and figures of USR."""

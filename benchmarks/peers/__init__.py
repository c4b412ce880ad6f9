"""One module per peer, and the worker process that runs one measurement."""

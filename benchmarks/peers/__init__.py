"""Who is measured: one module a peer, and the process that runs one measurement."""

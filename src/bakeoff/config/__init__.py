"""The config of a bake-off: typed, loaded with all its problems reported at once, documented from its own types."""

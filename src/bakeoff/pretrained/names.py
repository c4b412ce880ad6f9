"""Names of the models that need no hub."""

PACKAGED_MODELS = ("smollm2-135m", "stories260k")

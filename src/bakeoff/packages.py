"""Optional packages: the extras of pyproject.toml, and the error when one is missing."""

from __future__ import annotations

import importlib.util

from bakeoff.errors import UserError

EXTRAS = {
    "serve": ("fastapi", "uvicorn", "prometheus_client", "fastapi_offline"),
    "excel": ("python_calamine",),
    "gguf": ("gguf",),
    "estimator": ("skops",),
    "fasttext": ("fasttext",),
    "llm": ("httpx",),
    "answers": ("rouge_score", "sacrebleu"),
    "docx": ("pypandoc",),
    "pdf": ("weasyprint",),
    "quantization": ("bitsandbytes",),
    "openvino": ("openvino",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "tune": ("optuna",),
    "ray": ("ray", "grpc"),
    "rlhf": ("trl",),
    "tensorboard": ("tensorboard",),
    "trackio": ("trackio",),
    "mlflow": ("mlflow",),
    "wandb": ("wandb",),
}
"""The modules of each extra."""


def missing_modules(extra: str) -> list[str]:
    """Return the modules of an extra that are not installed. Imports none of them."""
    return [module for module in EXTRAS[extra] if importlib.util.find_spec(module) is None]


def install_command(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install 'bakeoff[{extra}]'"


def require(extra: str, feature: str, alternative: str = "") -> None:
    """Check that an extra is installed.

    Args:
        feature: What needs it, at the beginning of a sentence: "Exporting to ONNX".
        alternative: Another way out, as a sentence of its own.

    Raises:
        UserError: a module of the extra is missing.
    """
    if missing := missing_modules(extra):
        packages = " and ".join(module.replace("_", "-") for module in missing)
        verb = "is" if len(missing) == 1 else "are"
        raise UserError(
            f"{feature} needs {packages}, which {verb} not installed.",
            f"Install with: {install_command(extra)}" + f"\n{alternative}" * bool(alternative),
        )

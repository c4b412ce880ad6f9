"""Full fine-tuning refuses what it cannot train."""

from __future__ import annotations

import pytest

from bakeoff.errors import UserError
from bakeoff.lm.sources import load_language_model
from bakeoff.methods.full.config import FullConfig
from bakeoff.methods.full.method import FullMethod
from bakeoff.pretrained.pointer import write_pointer


def test_a_contestant_with_quantized_weights_is_refused(tmp_path):
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is in the extra `quantization`")
    write_pointer(tmp_path, "stories260k", "nf4")

    with pytest.raises(UserError, match=r"cannot train .*: its weights are quantized"):
        FullMethod().adapted(FullConfig(), load_language_model(str(tmp_path)), seed=1)

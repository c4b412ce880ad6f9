"""What no format has a place for."""

from __future__ import annotations

import pytest

from bakeoff.errors import UserError
from bakeoff.lm.exporting.formats import write_language_model
from bakeoff.pretrained.pointer import write_pointer


@pytest.mark.parametrize("adapter", [False, True])
def test_quantized_weights_are_refused_although_no_setting_says_so(tmp_path, adapter):
    write_pointer(tmp_path / "int8/model", "stories260k", "int8")
    if adapter:  # the contestant is a `lora`, on a quantized base model
        (tmp_path / "int8/model/adapter_config.json").write_text("{}")
    write_pointer(tmp_path / "model", str(tmp_path / "int8"))  # `pretrained: {}` in a bake-off about that contestant

    with pytest.raises(UserError, match="stored in int8"):
        write_language_model("merged", tmp_path / "model", tmp_path / "out")

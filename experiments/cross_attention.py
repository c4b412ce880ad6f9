"""In an encoder-decoder transformer the encoder's output gives keys and values, the decoder gives the queries.

**Measured:** a model of the T5 architecture (random weights: what depends on what is a matter of the architecture,
not of training), in every layer of its decoder the queries, keys and values of the cross-attention. Gradients: how
much each of the three depends on the encoder's output and on the decoder's own tokens. Interventions: how much each
changes if the encoder reads another text, or if the decoder does.

**Rule:** the statement holds if, in every layer, keys and values depend on the encoder's output and not at all on the
decoder's tokens, and queries depend on the decoder's tokens, and in the first layer not at all on the encoder's
output, by gradients and by interventions. *Not at all* is exactly 0. It depends if only one of the two (keys and
values; queries) is so. Otherwise it does not hold. From the second layer on, queries depend on the encoder as well,
because the decoder's states have read it in the layer before: that is in the tables and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import T5Config, T5ForConditionalGeneration

from experiments.shared import COLORS, Result, SizeName, Table, Verdict, new_figure

PARTS = ("q", "k", "v")
WORDS = {"q": "queries", "k": "keys", "v": "values"}


@dataclass(frozen=True)
class Size:
    layers: int
    width: int
    length: int


SIZES: dict[SizeName, Size] = {"tiny": Size(2, 16, 5), "quick": Size(4, 64, 32), "full": Size(6, 128, 64)}


@dataclass(frozen=True)
class Dependence:
    """How much one projection of one layer depends on both sides: gradient norms and relative changes."""

    gradient_encoder: float
    gradient_decoder: float
    change_encoder: float
    change_decoder: float

    @property
    def on_encoder(self) -> bool:
        return self.gradient_encoder > 0 and self.change_encoder > 0

    @property
    def on_decoder(self) -> bool:
        return self.gradient_decoder > 0 and self.change_decoder > 0

    @property
    def not_on_encoder(self) -> bool:
        return self.gradient_encoder == self.change_encoder == 0

    @property
    def not_on_decoder(self) -> bool:
        return self.gradient_decoder == self.change_decoder == 0


Key = tuple[int, str]
"""Layer, from 0, and q, k or v."""


def decide(found: Mapping[Key, Dependence]) -> tuple[Verdict, str]:
    """Apply the rule."""
    keys_values = all(one.on_encoder and one.not_on_decoder for (_, part), one in found.items() if part != "q")
    queries = found[0, "q"].not_on_encoder and all(one.on_decoder for (_, part), one in found.items() if part == "q")
    later = sum(one.on_encoder for (_, part), one in found.items() if part == "q")
    layers = len(found) // len(PARTS)
    answer = {True: "yes", False: "no"}
    said = (
        f"Keys and values depend on the encoder alone: {answer[keys_values]}. Queries come from the decoder: "
        f"{answer[queries]}. In {later} of {layers} layers they also depend on the encoder, through the "
        "layers before."
    )
    return ("holds" if keys_values and queries else "depends" if keys_values or queries else "does not hold"), said


@contextmanager
def watched(model: Any) -> Iterator[dict[Key, torch.Tensor]]:
    """Keep what the projections of the cross-attention return while the model runs."""
    kept: dict[Key, torch.Tensor] = {}
    hooks = []
    for number, block in enumerate(model.decoder.block):
        attention = block.layer[1].EncDecAttention
        for part in PARTS:

            def keep(module: Any, inputs: Any, output: torch.Tensor, key: Key = (number, part)) -> None:
                kept[key] = output

            hooks.append(getattr(attention, part).register_forward_hook(keep))
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


def dependences(size: Size) -> dict[Key, Dependence]:
    """Measure what the projections of every layer depend on."""
    torch.manual_seed(12)
    config = T5Config(
        vocab_size=100,
        d_model=size.width,
        d_kv=size.width // 4,
        d_ff=2 * size.width,
        num_heads=4,
        num_layers=size.layers,
        dropout_rate=0.0,
        decoder_start_token_id=0,
    )
    model = T5ForConditionalGeneration(config).eval()
    source, other_source, target, other_target = torch.randint(2, 100, (4, 1, size.length))

    def projections(read: torch.Tensor, written: torch.Tensor) -> dict[Key, torch.Tensor]:
        with watched(model) as kept, torch.no_grad():
            model(input_ids=read, decoder_input_ids=written, use_cache=False)
        return dict(kept)

    original = projections(source, target)
    changed = {"encoder": projections(other_source, target), "decoder": projections(source, other_target)}
    encoded = model.encoder(input_ids=source).last_hidden_state.detach().requires_grad_()
    embedded = model.shared(target).detach().requires_grad_()
    with watched(model) as kept:
        model(encoder_outputs=(encoded,), decoder_inputs_embeds=embedded, use_cache=False)
    found = {}
    for key, output in kept.items():
        # A random direction, as a plain sum could cancel.
        scalar = (output * torch.randn(output.shape)).sum()
        gradients = torch.autograd.grad(scalar, [encoded, embedded], retain_graph=True, allow_unused=True)
        norms = [0.0 if gradient is None else float(gradient.norm()) for gradient in gradients]
        changes = [
            float((changed[side][key] - original[key]).norm() / original[key].norm()) for side in ("encoder", "decoder")
        ]
        found[key] = Dependence(*norms, *changes)
    return found


def run(name: SizeName) -> Result:
    size = SIZES[name]
    found = dependences(size)
    verdict, reason = decide(found)
    rows = [
        [
            f"{layer + 1}",
            WORDS[part],
            f"{one.gradient_encoder:.3g}",
            f"{one.gradient_decoder:.3g}",
            f"{one.change_encoder:.1%}",
            f"{one.change_decoder:.1%}",
        ]
        for (layer, part), one in sorted(found.items(), key=lambda item: (item[0][0], PARTS.index(item[0][1])))
    ]
    figure, axes = new_figure(2)
    for axis, side in zip(axes, ("encoder", "decoder"), strict=True):
        for color, part in zip(COLORS, PARTS, strict=False):
            changes = [getattr(found[layer, part], f"change_{side}") for layer in range(size.layers)]
            axis.plot(range(1, size.layers + 1), changes, "o-", color=color, markersize=4, label=WORDS[part])
        axis.set_xlabel("layer of the decoder")
        axis.set_ylabel(f"change, other text for the {side}")
        axis.set_xticks(range(1, size.layers + 1))
        axis.legend(frameon=False, fontsize=7)
    return Result(
        verdict,
        reason,
        [
            Table(
                f"T5 architecture, {size.layers} layers of width {size.width}, {size.length} tokens on both sides",
                ["layer", "what", "gradient, encoder", "gradient, decoder", "change, encoder", "change, decoder"],
                rows,
            )
        ],
        figure,
        "Relative change of queries, keys and values by layer if the encoder or the decoder reads another text.",
    )

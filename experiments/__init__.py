"""The ten statements of the lab, each as an experiment: `python -m experiments`."""

NUMBERS = {
    "gates": 1,
    "attention_cost": 2,
    "bpe": 3,
    "positions": 4,
    "cross_attention": 5,
    "tokens": 6,
    "projections": 7,
    "flash_attention": 8,
    "rlhf": 9,
    "kv_cache": 10,
}
"""The modules of the statements, and the lab's numbers."""

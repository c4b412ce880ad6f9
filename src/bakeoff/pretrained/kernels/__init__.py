"""Faster ways to compute what transformers and PEFT compute, for CPUs. `install` says which and why."""

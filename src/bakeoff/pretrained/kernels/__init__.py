"""Faster CPU implementations of what transformers and PEFT compute; `install` lists them."""

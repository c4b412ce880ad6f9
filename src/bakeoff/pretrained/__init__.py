"""Find, load, adapt, speed up and save pretrained models."""

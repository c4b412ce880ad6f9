"""Pretrained models, whatever they are used for: found, loaded, adapted, made faster and saved."""

"""Find, load, adapt, speed up and save pretrained models."""

import logging

# PEFT imports bitsandbytes where it is installed, which then recommends a package with kernels on some processors.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

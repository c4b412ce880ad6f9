"""The bins of the calibration error: a number that a metric's row shows without loading numpy."""

CALIBRATION_BINS = 15
"""As in Guo et al. (2017)."""

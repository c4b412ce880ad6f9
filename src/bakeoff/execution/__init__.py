"""Carry out the trainings of a bake-off: one after the other, side by side in processes, or on a Ray cluster."""

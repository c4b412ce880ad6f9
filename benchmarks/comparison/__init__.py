"""What is compared with what, in which order, and how the figures are shown."""

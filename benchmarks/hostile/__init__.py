"""Cases of the campaign in robustness.py."""

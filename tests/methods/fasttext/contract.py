"""A small model for tests/methods/test_contract.py."""

SETTINGS = {"buckets": 1000}

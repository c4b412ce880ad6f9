"""A small estimator for tests/methods/test_contract.py."""

SETTINGS = {"estimator": "tests.methods.estimator.models:seeded"}

"""Tests in a browser cannot be skipped unseen where they must run."""

from __future__ import annotations

import pytest

from tests.conftest import no_browser


def test_without_a_browser_tests_are_skipped_or_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BAKEOFF_REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="browser tests: no Chromium"):
        no_browser("no Chromium is installed")

    monkeypatch.setenv("BAKEOFF_REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="BAKEOFF_REQUIRE_BROWSER is set, and no Chromium"):
        no_browser("no Chromium is installed")

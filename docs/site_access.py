"""Give what the theme leaves without a name one that screen readers can say, and landmarks to regions alone."""

from __future__ import annotations


def on_post_page(output: str, **_: object) -> str:
    """Return a page of the site with its search dialog named, and headings within headings as groups of links."""
    named = output.replace('role="dialog"', 'role="dialog" aria-label="Search"')
    return named.replace('<nav class="md-nav" aria-label=', '<nav class="md-nav" role="group" aria-label=')

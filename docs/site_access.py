"""Give what the theme leaves without a name one that screen readers can say, and landmarks to regions alone."""

from __future__ import annotations

import re

_WITHIN = '<nav class="md-nav" aria-label='


def on_post_page(output: str, **_: object) -> str:
    """Return a page of the site with its search dialog named, and headings within headings as groups of links."""
    named = output.replace('role="dialog"', 'role="dialog" aria-label="Search"')
    tags: list[str] = []  # of the elements that are open: nav may not have the role of a group, so div takes its place

    def swapped(tag: re.Match[str]) -> str:
        if tag[0] == "</nav>":
            return f"</{tags.pop()}>"
        tags.append("div" if tag[0].startswith(_WITHIN) else "nav")
        return tag[0].replace("<nav", '<div role="group"') if tags[-1] == "div" else tag[0]

    return re.sub(r"<nav\b[^>]*>|</nav>", swapped, named)

"""Python imports this first in every process of a command that is watched."""

from hostile.watching import watch_as_asked

watch_as_asked()

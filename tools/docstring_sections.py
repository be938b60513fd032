"""Griffe extension for the API pages: our docstrings have no blank line between sections, and its parser wants one."""

import re
from typing import Any

import griffe

SECTION = re.compile(r"(?<=\S)\n(?=(?:Args|Attributes|Returns|Yields|Raises):\n)")


class BlankLines(griffe.Extension):
    """Put a blank line before each section of a docstring."""

    def on_object(self, *, obj: griffe.Object, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        """Change the docstring in place, before it is parsed."""
        if obj.docstring:
            obj.docstring.value = SECTION.sub("\n\n", obj.docstring.value)

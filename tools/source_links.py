"""MkDocs hook: a page may link to a file of the repository, such as ../packages/vg-layers/src/vg_layers/conv.py.

In an editor or on a code host the link works as it is. For the site, the file is published below `source/`, as text.
A link to a file that does not exist is a warning, which is an error under `mkdocs build --strict`.
"""

import logging
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"\]\(((?:\.\./)+[^)#\s]+)")
log = logging.getLogger("mkdocs.source_links")


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Publish the linked repository files and point the links at them."""
    docs = Path(config.docs_dir).resolve()
    here = Path(page.file.abs_src_path or docs).parent

    def published(match: re.Match[str]) -> str:
        target = (here / match.group(1)).resolve()
        if target.is_relative_to(docs):
            return match.group()
        if not target.is_file() or not target.is_relative_to(docs.parent):
            log.warning("%s links to %s, which is no file of the repository", page.file.src_uri, match.group(1))
            return match.group()
        uri = f"source/{target.relative_to(docs.parent).as_posix()}.txt"
        if files.get_file_from_path(uri) is None:
            files.append(File.generated(config, uri, abs_src_path=str(target)))
        up = "../" * page.file.src_uri.count("/")
        return f"]({up}{uri}"

    return LINK.sub(published, markdown)

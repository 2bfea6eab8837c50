"""Hooks of mkdocs: pages that are not in docs/, and links that work on a code host and on the site alike."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from api_pages import overview, packages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
#: File in the repository -> page of the site.
OUTSIDE = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
#: Folder of the site for files of the repository that a page links to.
COPIES = "repository"

#: What docs/site_scripts.sh brought: names on the site, and where they are.
SCRIPTS = {f"scripts/{file.name}": file for file in sorted((ROOT / "build" / "docs-scripts").glob("*.js"))}

_CODE = re.compile(r"(^ *```.*?^ *```$|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)")
_REMARK = re.compile(r"\A\s*<!--.*?-->\s*", re.DOTALL)
_CELL = re.compile(r"<td\b.*?</td>", re.DOTALL)
_SLASH = re.compile(r"(?<=_msgs)/|(?<=\w)/(?=\w[^<]*</code>)")
_DIAGRAMS = re.compile(r'<script src="[^"]*mermaid\.min\.js"></script>')
_HTML = re.compile(r'\b(src|href)="([^":#]+)(#[^"]*)?"')


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the scripts that are here; the theme loads the others from another host."""
    diagrams, search = "scripts/mermaid.min.js", "scripts/iframe-worker.js"
    if diagrams in SCRIPTS:
        config.extra_javascript.append(diagrams)
    if search in SCRIPTS:
        config.extra["polyfills"] = [search]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README.md and the like, and the API pages; write the folders of the navigation out."""
    for name, uri in OUTSIDE.items():
        if (ROOT / name).exists():
            files.append(File.generated(config, uri, abs_src_path=str(ROOT / name)))
    for name, script in SCRIPTS.items():
        files.append(File.generated(config, name, abs_src_path=str(script)))
    rooms = packages(ROOT)
    files.append(File.generated(config, "api/index.md", content=overview(rooms)))
    for top in rooms:
        for room in top.all():
            files.append(File.generated(config, room.uri, content=room.page))
    folders = {"api/": ["api/index.md", *(room.nav for room in rooms)]}
    config.nav = _written_out(config.nav, folders, sorted(files.src_uris))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at the site's pages. Links in code are left alone."""
    uri = page.file.src_uri
    markdown = _REMARK.sub("", markdown)  # mkdocs finds no title behind it
    if uri.startswith("api/"):
        return markdown
    source = next((name for name, outside in OUTSIDE.items() if outside == uri), f"docs/{uri}")

    def target(link: str) -> str | None:
        found = _site_uri(posixpath.normpath(posixpath.join(posixpath.dirname(source), link)), config, files)
        return found and posixpath.relpath(found, posixpath.dirname(uri) or ".")

    def inline(match: re.Match[str]) -> str:
        text, link, anchor = match[1], match[2], match[3] or ""
        found = target(link)
        return text if found is None else f"[{text}]({found}{anchor})"

    def html(match: re.Match[str]) -> str:
        return f'{match[1]}="{target(match[2]) or match[2]}{match[3] or ""}"'

    parts = _CODE.split(markdown)
    parts[::2] = [_HTML.sub(html, _LINK.sub(inline, part)) for part in parts[::2]]
    return "".join(parts)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let long names of topics, types and files in tables break after a slash, and options not at all."""

    def cell(match: re.Match[str]) -> str:
        return _SLASH.sub("/<wbr>", match[0]).replace("<code>--", '<code class="option">--')

    return _CELL.sub(cell, html)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Load the script for diagrams, which is large, only where there is one."""
    return output if 'class="mermaid"' in output else _DIAGRAMS.sub("", output)


def _site_uri(path: str, config: MkDocsConfig, files: Files) -> str | None:
    """Address of a path of the repository on the site; None for a folder without a page."""
    uri = OUTSIDE.get(path) or path.removeprefix("docs/")
    folder = posixpath.join(uri, "index.md")
    if path.startswith("docs/") and folder in files.src_uris:
        return folder
    if (ROOT / path).is_dir():
        return None
    if path in OUTSIDE or path.startswith("docs/") or not (ROOT / path).exists():
        return uri  # mkdocs complains if it is missing
    copy = f"{COPIES}/{path}" + ".txt" * path.endswith(".md")  # pages are made before links are seen
    if copy not in files.src_uris:
        files.append(File.generated(config, copy, content=(ROOT / path).read_bytes()))
    return copy


def _written_out(nav: Any, folders: dict[str, list[Any]], uris: list[str]) -> Any:
    """The navigation with a list in place of each entry that ends with "/"."""
    if isinstance(nav, list):
        return [_written_out(entry, folders, uris) for entry in nav]
    if isinstance(nav, dict):
        return {title: _written_out(entry, folders, uris) for title, entry in nav.items()}
    if not nav.endswith("/"):
        return nav
    pages = [uri for uri in uris if uri.startswith(nav) and uri.endswith(".md")]
    return folders.get(nav) or sorted(pages, key=lambda uri: (not uri.endswith("index.md"), uri))

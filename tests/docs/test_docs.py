"""The pages for readers are true: links, excerpts, commands, configurations, and what can be run is run.

A comment on the line before a fenced block says what it is:

* ``<!-- runnable -->``: Python or shell (``nnff`` commands only), run in a folder of the page's own, in
  the order of the page, all Python blocks of a page sharing their names.  ``<!-- runnable: exit 1 -->``
  expects another exit code, ``<!-- runnable: some/folder -->`` puts a folder of the project on the path.
* ``<!-- file: NAME -->``: written to that file in the page's folder.
* ``<!-- from: PATH -->``: an excerpt, to be found in that file of the project, whatever its indentation.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import textwrap
import tomllib
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from markdown_it import MarkdownIt
from typer.main import get_command
from typer.testing import CliRunner

from nnff.cli.main import app
from nnff.config import load_config
from nnff.config.schema import SECTIONS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *DOCS.rglob("*.md"),
        *ROOT.glob("examples/*/README.md"),
    ]
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the comment before it, and the line it begins on."""

    language: str
    text: str
    mark: str
    value: str
    line: int


@cache
def tokens(page):
    return MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text(encoding="utf-8"))


@cache
def inline(page):
    return [child for token in tokens(page) if token.type == "inline" for child in token.children]


@cache
def blocks(page):
    found = []
    for before, token in pairwise([None, *tokens(page)]):
        if token.type == "fence":
            comment = before.content.strip() if before is not None and before.type == "html_block" else ""
            marked = re.fullmatch(r"<!-- (\w+)(?:: (.*))? -->", comment)
            mark, value = (marked[1], marked[2] or "") if marked else ("", "")
            found.append(Block(token.info.strip(), token.content, mark, value, token.map[0] + 1))
    return found


@cache
def anchors(page):
    """The anchors of the headings, as GitHub makes them."""
    found = []
    for before, token in pairwise(tokens(page)):
        if before.type == "heading_open":
            text = "".join(child.content for child in token.children)
            found.append(re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-"))
    return found


def commands(page):
    """Every ``nnff ...`` that a page shows, in a block of commands or within a line, as lists of words."""
    lines = [child.content for child in inline(page) if child.type == "code_inline"]
    lines = [line for line in lines if re.match(r"nnff( |$)", line)]
    shown = [block.text for block in blocks(page) if block.language == "sh"]
    shown += [token.content for token in tokens(page) if token.type == "code_block"]
    for text in shown:
        lines += [line for line in text.replace("\\\n", " ").splitlines() if "nnff" in line]
    parts = [shlex.split(part, comments=True) for line in lines for part in re.split(r"&&|;|\|", line)]
    return [words[1:] for words in parts if words and Path(words[0]).name == "nnff"]


def parse(words):
    """Let the command line read the words without doing anything."""
    command, name = get_command(app), "nnff"
    while getattr(command, "commands", None):
        if words and words[0].startswith("-") and command.invoke_without_command:
            break
        if not words or words[0].startswith("-"):
            assert set(words) <= {"--help", "--version"}, f"{name} has no flags {words}"
            return
        assert words[0] in command.commands, f"{name} has no command {words[0]!r}"
        command, name, words = command.commands[words[0]], f"{name} {words[0]}", words[1:]
    # A bare mention of a command needs no arguments.
    if words and "--help" not in words:
        command.make_context(name, list(words))


def stands_in(excerpt, text):
    """Tell whether the lines follow one another in a text, all moved left or right by the same amount."""
    lines, wanted = text.splitlines(), textwrap.dedent(excerpt).splitlines()
    windows = ("\n".join(lines[k : k + len(wanted)]) for k in range(len(lines) - len(wanted) + 1))
    return any(textwrap.dedent(window).splitlines() == wanted for window in windows)


def test_an_excerpt_is_found_whatever_its_indentation():
    assert stands_in("a\n  b\n", "x\n    a\n      b\ny\n")
    assert not stands_in("a\nb\n", "x\n    a\n      b\ny\n")
    assert not stands_in("a\nc\n", "a\nb\nc\n")


def test_there_are_pages():
    assert {"README.md", "docs/README.md", "docs/tutorial.md"} <= set(PAGES)
    assert len(blocks("docs/tutorial.md")) > 10
    assert "8-what-counts-as-a-proof" in anchors("docs/explanation/encoding.md")
    assert ["demo"] in commands("README.md")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    targets = [token.attrs["href"] for token in inline(page) if token.type == "link_open"]
    targets += [token.attrs["src"] for token in inline(page) if token.type == "image"]
    for target in targets:
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (ROOT / page).parent / path if path else ROOT / page
        assert place.exists(), f"{page} links to {target}, which does not exist"
        if anchor:
            inside = place.resolve().relative_to(ROOT).as_posix()
            assert anchor in anchors(inside), f"{page} links to {target}: {inside} has no such heading"


def test_every_page_is_in_an_index():
    linked = {
        (ROOT / index).parent.joinpath(token.attrs["href"]).resolve()
        for index in ("README.md", "docs/README.md", "docs/decisions/README.md")
        for token in inline(index)
        if token.type == "link_open"
    }
    assert [path for path in DOCS.rglob("*.md") if path.resolve() not in linked | {DOCS / "README.md"}] == []


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_what_they_say(page):
    for block in blocks(page):
        where = f"{page}, line {block.line}"
        assert block.mark in {"", "runnable", "file", "from"}, f"{where}: unknown mark {block.mark!r}"
        if block.mark == "from":
            text = (ROOT / block.value).read_text(encoding="utf-8")
            assert stands_in(block.text, text), f"{where}: {block.value} has changed"
        if block.language == "python":
            ast.parse(textwrap.dedent(block.text), where)
        if block.language == "toml":
            tomllib.loads(block.text)


@pytest.mark.parametrize("page", PAGES)
def test_configurations_are_accepted(page, tmp_path):
    for block in blocks(page):
        if block.language == "toml" and set(tomllib.loads(block.text)) & set(SECTIONS):
            (tmp_path / "nnff.toml").write_text(block.text)
            load_config(tmp_path / "nnff.toml", environment={})


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page):
    for words in commands(page):
        try:
            parse(words)
        except (typer.Exit, SystemExit):
            pass
        except Exception as error:  # noqa: BLE001 - Typer's own, of another class in every version
            pytest.fail(f"{page}: nnff {shlex.join(words)}: {error}")


@pytest.mark.parametrize(
    "words", [["certfy"], ["certify", "--epsilonn", "1"], ["--nothing"], ["check", "solvers"]]
)
def test_commands_that_do_not_exist_are_seen(words):
    with pytest.raises(Exception, match=r"epsilonn|has no"):
        parse(words)


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_called_what_no_certificate_says(page):
    words = " ".join(child.content for child in inline(page) if child.type == "text")
    assert not re.search(r"\b(fair|unfair|fairly|compliant|compliance)\b", words.lower())


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if any(b.mark == "runnable" for b in blocks(page))])
def test_what_is_runnable_runs(page, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("NNFF_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for block in blocks(page):
        where = f"{page}, line {block.line}"
        if block.mark == "file":
            (tmp_path / block.value).write_text(block.text)
        elif block.mark == "runnable" and block.language == "python":
            if block.value:
                assert (ROOT / block.value).is_dir(), where
                monkeypatch.syspath_prepend(str(ROOT / block.value))
            exec(compile(block.text, where, "exec"), names)
        elif block.mark == "runnable":
            expected = int(block.value.removeprefix("exit ") or 0)
            for line in block.text.replace("\\\n", " ").splitlines():
                program, *words = shlex.split(line)
                assert program == "nnff", f"{where}: only nnff commands are run"
                result = CliRunner().invoke(app, words, prog_name="nnff")
                assert result.exit_code == expected, f"{where}: {line}\n{result.output}"

"""A page as a strict reader sees it: every element that is opened is closed, in order."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "input", "br", "hr", "col"}
TABLE_PARTS = {"caption", "thead", "tbody"}


@dataclass
class Element:
    """An element with its attributes, the elements in it, and its own text and theirs."""

    tag: str
    attributes: dict[str, str | None]
    children: list["Element"] = field(default_factory=list)
    pieces: list["str | Element"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text inside, spaces made one."""
        parts = (piece if isinstance(piece, str) else piece.text for piece in self.pieces)
        return " ".join(" ".join(parts).split())

    def all(self, tag: str | None = None, **attributes: str) -> Iterator["Element"]:
        """The elements inside, in order."""
        for child in self.children:
            fits = all(child.attributes.get(key) == value for key, value in attributes.items())
            if fits and tag in (None, child.tag):
                yield child
            yield from child.all(tag, **attributes)

    def one(self, tag: str | None = None, **attributes: str) -> "Element":
        """The only such element."""
        [found] = self.all(tag, **attributes)
        return found

    def rows(self) -> list[list[str]]:
        """A table's cells."""
        return [[cell.text for cell in row.children] for row in self.all("tr")]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]
        self.doctype = ""

    def handle_decl(self, decl: str) -> None:
        self.doctype = decl

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        self.open[-1].pieces.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].pieces.append(data)


def read(path: Path) -> Element:
    """The page's elements; an assertion fails where they are not closed in order."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == [reader.root] and reader.doctype == "doctype html"
    return reader.root


def check(path: Path) -> Element:
    """Assert what must hold of every page, and give its elements."""
    page = read(path)
    assert path.stat().st_size < 6_000_000
    _check_alone(page)
    _check_references(page)
    _check_structure(page)
    _check_files(page, path.parent)
    return page


def _check_alone(page: Element) -> None:
    """Nothing is loaded from elsewhere; there are links for people."""
    for element in page.all():
        for name, value in element.attributes.items():
            if name in ("src", "srcset", "data", "poster", "action"):
                assert value and value.startswith("data:"), (element.tag, name)
            if name == "href" and element.tag != "a":
                assert value == "data:,", element.tag
    assert "url(" not in page.one("style").text and "@import" not in page.one("style").text


def _check_references(page: Element) -> None:
    ids = [value for element in page.all() if (value := element.attributes.get("id")) is not None]
    assert len(ids) == len(set(ids))
    for element in page.all():
        for name in ("for", "aria-labelledby", "data-chart"):
            for target in (element.attributes.get(name) or "").split():
                assert target in ids, (element.tag, name, target)
        if element.tag == "a":
            href = element.attributes["href"] or ""
            assert href.startswith("https://") or href.removeprefix("#") in ids, href


def _check_structure(page: Element) -> None:
    """What who hears the page goes by: a language, headings in order, words for pictures, heads of tables."""
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("title").text and page.one("main")
    levels = [int(e.tag[1]) for e in page.all() if e.tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(level <= before + 1 for before, level in itertools.pairwise(levels))
    for image in page.all("img"):
        assert len(image.attributes["alt"] or "") > 20
    for chart in page.all("div"):
        if chart.attributes.get("class") == "chart":
            assert chart.attributes["role"] == "img" and chart.attributes["aria-label"]
    for field_ in page.all("input"):
        assert list(page.all("label", **{"for": field_.attributes["id"] or ""}))
    for table in page.all("table"):
        assert table.children[0].tag == "caption" and table.children[0].text
        assert {child.tag for child in table.children} == TABLE_PARTS
        assert all(cell.attributes["scope"] == "col" for cell in next(table.all("thead")).all("th"))
        rows = list(next(table.all("tbody")).all("tr"))
        assert all(
            row.children[0].tag == "th" and row.children[0].attributes["scope"] == "row" for row in rows
        )
        n_columns = len(list(next(table.all("thead")).all("th")))
        if table.attributes.get("id"):
            assert rows and all(len(row.children) == n_columns for row in rows)


def _check_files(page: Element, folder: Path) -> None:
    """Every figure lies beside the page as SVG with its data as CSV, and so does every table."""
    svgs = sorted(path.stem for path in folder.glob("*.svg"))
    assert len(svgs) == len(list(page.all("img")))
    tables = [(table.attributes.get("id") or "").removeprefix("table-") for table in page.all("table")]
    wanted = {*svgs, *(name for name in tables if name)}
    assert {path.stem for path in folder.glob("*.csv")} == wanted
    assert all(len((folder / f"{name}.csv").read_text().splitlines()) > 1 for name in wanted)

"""Pages out of templates: one self-contained HTML file, with its figures and tables as files beside it."""

import base64
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import plotly.offline
from markupsafe import Markup

FOLDER = "report"
PAGE = "report.html"
TEMPLATES = Path(__file__).parent / "templates"
PACKAGES = ("hydra-core", "mlflow", "numpy", "scipy", "pandas", "plotly")


@dataclass(frozen=True)
class Table:
    """A table of a page, and a CSV file beside it.

    Attributes:
        name: of the file.
        caption: one line above it.
        head: of its columns; the first column heads the rows.
        rows: of cells.
        note: a line below it.
        words: indices of columns of words, which stand to the left.
    """

    name: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    words: Sequence[int] = (0,)


@dataclass(frozen=True)
class Picture:
    """A figure of a page: an SVG that is printed and stands where no script runs, and its interactive twin.

    Attributes:
        name: its anchor.
        title: what it shows, for who reads.
        alt: what is to be seen in it, for who cannot see it.
        caption: lines below it.
        svg: the file.
        data: what it shows; a CSV file beside the SVG.
        chart: traces and layout of plotly.js; None where there is no twin.
    """

    name: str
    title: str
    alt: str
    caption: str
    svg: Path
    data: pd.DataFrame
    chart: Mapping[str, Any] | None = None

    @property
    def data_uri(self) -> str:
        """The SVG inside the page."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.read_bytes()).decode()}"


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        anchor: its id.
        title: its heading.
        text: paragraphs below the heading.
        pictures: side by side where there is room.
        tables: below them.
    """

    anchor: str
    title: str
    text: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class ProvenanceSection:
    """How to have everything again.

    Attributes:
        version: of this program, at the study.
        command: of the study; None where it was not kept, or where there are several.
        again: the command that makes the page.
        tables: hashes, versions, seconds.
        yaml: the configuration; empty where there are several.
    """

    version: str
    command: str | None
    again: str
    tables: Sequence[Table]
    yaml: str


def write_page(
    folder: Path, template: str, sections: Sequence[Section], tables: Sequence[Table], **content: Any
) -> Path:
    """Render a template into `folder`, with a CSV file for every table and every figure.

    Args:
        folder: where the figures already are.
        template: the name of a template of this package.
        sections: parts of the page.
        tables: those that stand outside of its sections.
        content: what else the template takes.
    """
    for table in [*tables, *(table for section in sections for table in section.tables)]:
        frame = pd.DataFrame([list(row) for row in table.rows], columns=list(table.head))
        frame.to_csv(folder / f"{table.name}.csv", index=False)
    for picture in (picture for section in sections for picture in section.pictures):
        picture.data.to_csv(picture.svg.with_suffix(".csv"), index=False, float_format="%.6g")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template).render(
        # Files of ours and plotly's own bundle are the only things that are not escaped.
        style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        script=Markup((TEMPLATES / "report.js").read_text(encoding="utf-8")),
        plotly=Markup(plotly.offline.get_plotlyjs()),
        sections=sections,
        **content,
    )
    path = folder / PAGE
    path.write_text(page, encoding="utf-8")
    return path


def versions() -> str:
    """What wrote the page."""
    versions_by_name = {"Python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    return ", ".join(f"{name} {number}" for name, number in versions_by_name.items())

"""Names of people as names of files and of runs."""

import pytest

from cascade.base.names import file_name, shortened


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("rtx3090", "rtx3090"),
        ("mini on mini", "mini-on-mini"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "x"),
        ("", "x"),
        (" / ", "x"),
        (".hidden", "hidden"),
        ("C:\\new\ttable\n", "C-new-table"),
        ("семья", "семья"),
        ("a" * 300, "a" * 100),
        ("家" * 300, "家" * 33),  # three bytes each
    ],
)
def test_file_names(name: str, file: str) -> None:
    assert file_name(name, "x") == file


def test_long_names_stay_different() -> None:
    one, other = shortened("a" * 400 + "1", 250), shortened("a" * 400 + "2", 250)
    assert one != other and len(one) <= 250 and one.startswith("a" * 200)
    assert shortened("a" * 250, 250) == "a" * 250

"""Task ids in every spelling that recordings have: HumanEval/0, HumanEval_0, humaneval-0, 0."""

import re
from collections.abc import Iterable


class TaskIds:
    """The ids of a data set, found by any spelling that can mean one of them only."""

    def __init__(self, ids: Iterable[str]) -> None:
        """Know these ids."""
        self._exact = frozenset(ids)
        self._parts: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, list[str]] = {}
        for task_id in sorted(self._exact):
            name, number = _parts(task_id)
            self._parts[name, number] = task_id
            self._numbers.setdefault(number, []).append(task_id)

    def find(self, spelling: str) -> str | None:
        """The id that is meant; None where there is none."""
        if spelling in self._exact:
            return spelling
        name, number = _parts(spelling)
        if (name, number) in self._parts:
            return self._parts[name, number]
        same_number = self._numbers.get(number, []) if number and not name else []
        return same_number[0] if len(same_number) == 1 else None


def _parts(spelling: str) -> tuple[str, str]:
    """The letters of an id's name and its number, written plainly."""
    match = re.fullmatch(r"(?P<name>.*?)[/_\-. ]*(?P<number>\d*)", spelling.strip(), re.DOTALL)
    assert match is not None
    number = match["number"]
    return re.sub(r"[^a-z0-9]", "", match["name"].lower()), number and str(int(number))

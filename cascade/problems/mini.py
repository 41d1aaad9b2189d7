"""The data set `mini`: evaluation problems of the embedded family (see `training.mini.evalset`)."""

from pathlib import Path

from cascade.base import read_records
from cascade.problems.base import Problem

#: The shipped evaluation set, one JSON object a line.
EVAL_FILE = Path(__file__).with_name("mini.jsonl")


def load_mini(path: Path = EVAL_FILE) -> list[Problem]:
    """The problems of the data set, in file order.

    A solution is a completion: the indented body that continues the prompt. The reference test is
    one assert statement a line.

    Raises:
        DataError: the file is missing or a line of it is broken.
    """
    return [
        Problem(
            task_id=record.text("task_id"),
            prompt=record.text("prompt"),
            entry_point=record.text("entry_point"),
            preamble="",
            reference_test="\n".join(record.texts("tests")) + "\n",
            reference_solution=record.text("prompt") + record.text("body"),
        )
        for record in read_records(path)
    ]

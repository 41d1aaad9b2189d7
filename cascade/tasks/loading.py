"""A task's function, by the path in `conf/task/`; its module, which is heavy, is imported only then."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from cascade.config import Study


def task_function(study: Study) -> Callable[[Study, Path], None]:
    """What runs the study's task, with the study and the folder for its files.

    Hydra's own `get_method` would wrap an error that the module tells on import, and log it too.

    Raises:
        CascadeError: a package that the task needs is not as it must be.
    """
    module, _, name = study.task.rpartition(".")
    function: Callable[[Study, Path], None] = getattr(import_module(module), name)
    return function

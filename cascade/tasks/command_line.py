"""What stands between Hydra and the tasks: one clear line for every mistake that a user can mend."""

import errno
import io
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from cascade.base import FAILED, CascadeError, mask_credentials, mask_files, print_traceback
from cascade.config import CONF, build_study, check_inputs, is_option, no_such_setting, prepare_composition
from cascade.tasks.loading import task_function

# Hydra's flags that print the configuration in place of running a task.
SHOWS_CONFIGURATION = {"--cfg", "-c", "--info", "-i"}
UNKNOWN = r"Key '([^']+)' (?:not in|is not in)"  # how OmegaConf speaks of a key that no schema has
# What writing says on a disk without room; the file is not always named.
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

prepare_composition()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def main(cfg: DictConfig) -> None:
    """Run the task of a composed configuration."""
    run_task(cfg)


def run_task(cfg: DictConfig) -> None:
    """Run the task of a composed configuration.

    An error is told in one line. Alone it ends the program; in a sweep it is left in the job's folder
    for the table at the end, and the other jobs go on.
    """
    job = HydraConfig.get()
    output = Path(job.runtime.output_dir)
    # Hydra keeps the configuration and the overrides beside the results; the callback masks a sweep's own.
    mask_files(output.glob(".hydra/*.yaml"))
    try:
        study = build_study(cfg, job.overrides.task)
        check_inputs(study)
        # Imported last: what a task needs is heavy, and a mistake should be told at once.
        task_function(study)(study, output)
    except CascadeError as error:
        _failed(str(error), output, alone=job.mode != RunMode.MULTIRUN)
    except Exception as error:
        # MLflow is loaded only where the task came so far.
        if "mlflow" not in sys.modules:
            raise
        from cascade.tracking import tracking_failure

        if (reason := tracking_failure(error)) is None:
            raise
        where = cfg.tracking.uri or f"paths.mlruns={cfg.paths.mlruns}"
        message = (
            f"{where}: MLflow or its disk failed: {reason}; everything that was generated and executed is in "
            f"{cfg.paths.store}: when it works again, the same command resumes"
        )
        _failed(message, output, alone=job.mode != RunMode.MULTIRUN)


def _failed(message: str, output: Path, *, alone: bool) -> None:
    """Tell an error; alone it ends the program, in a sweep it is left for the table at the end."""
    if alone:
        _fail(message)
    print(_one_line(message), file=sys.stderr)
    (output / FAILED).write_text(mask_credentials(message), encoding="utf-8")


def guarded(main: Callable[[], None]) -> None:
    """Call Hydra's main and turn every mistake in the configuration into one line and status 1."""
    # Hydra shortens tracebacks by itself otherwise, and exits before we can speak.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.excepthook = print_traceback
    shown = io.StringIO() if SHOWS_CONFIGURATION.intersection(sys.argv[1:]) else None
    try:
        with redirect_stdout(shown) if shown else nullcontext():
            main()
        if shown:
            print(mask_credentials(shown.getvalue()), end="")
    except CascadeError as error:
        _fail(str(error))
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        unread = isinstance(error, OverrideParseException) or "--multirun" in str(error)
        _fail((explain_argument(sys.argv[1:]) if unread else None) or explain_plan(error))
    except ValueError as error:
        # What Hydra itself raises so: `family=3`, and two of its flags that exclude each other.
        if not re.match("Config group override|Only one of --", str(error)):
            raise
        _fail(str(error))
    except OSError as error:
        if error.filename is None and error.errno not in FULL_DISK:
            raise
        _fail(
            f"{error.filename or 'a folder of this run'}: {error.strerror}; choose another "
            "folder, e.g. hydra.run.dir=…, paths.store=… "
            "or paths.mlruns=…"
        )


def explain_argument(arguments: Sequence[str]) -> str | None:
    """One line for the first argument that Hydra's grammar does not read as one text, and how to write it."""
    parser = OverridesParser.create()
    sweep = any(argument in ("-m", "--multirun") for argument in arguments)
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or re.fullmatch(r"[+~]{0,2}[\w.@/:-]+", key) is None:
            continue
        try:
            [override] = parser.parse_overrides([argument])
            if sweep or not override.is_sweep_override():
                continue
        except HydraException:
            pass
        if re.fullmatch(r"\[.*\]", value) and "'" not in value:
            items = ",".join(f"'{item.strip()}'" for item in value[1:-1].split(","))
            write = shell_quoted(f"{key}=[{items}]")
            return f"{argument}: Hydra does not read its value as a list of texts; write {write}"
        for mark in "'\"":
            escaped = re.sub(rf"(\\*)({mark}|$)", lambda m: m[1] * 2 + (f"\\{m[2]}" if m[2] else ""), value)
            quoted = f"{key}={mark}{escaped}{mark}"
            try:
                [override] = parser.parse_overrides([quoted])
            except HydraException:
                continue
            if override.value() == value:
                return f"{argument}: Hydra does not read its value as one text; write {shell_quoted(quoted)}"
        return f"{argument}: Hydra cannot read it"
    return None


def shell_quoted(argument: str) -> str:
    """An argument as it is typed: in double quotes where nothing in it means something there."""
    return shlex.quote(argument) if re.search(r'["$`\\!]', argument) else f'"{argument}"'


def explain_plan(error: Exception) -> str:
    """One line for an error of Hydra's composition: the key, what is wrong and what is allowed."""
    texts = []
    link: BaseException | None = error
    while link is not None:
        texts.append(str(link))
        link = link.__cause__
    whole = "\n".join(texts)
    override = re.search(r"Could not override '([^']+)'", whole)
    full_key = re.search(r"full_key: (\S+)", whole)
    if found := re.search(r"Could not find '([^']+)'", whole):
        group, _, option = found[1].rpartition("/")
        listed = [line.strip() for line in whole.splitlines() if line.startswith("\t")]
        # Hydra lists the folders that it searched in the same way.
        available = [line for line in listed if is_option(line) and "path=" not in line]
        return f"{group}={option}: no such option; available: {', '.join(available) or 'none'}"
    if unknown := re.search(UNKNOWN, whole):
        # An override is named as the user wrote it; a key in a file by its place in the whole.
        return no_such_setting((override or full_key or unknown)[1])
    if override and len(texts) == 1:
        return no_such_setting(override[1])
    if full_key:
        return f"{full_key[1]}: {_reason(texts[-1])}"
    return whole


def _reason(text: str) -> str:
    """What OmegaConf says, without where and how it came to say it; a list's brackets are shown."""
    if re.search(r"(\w+) is not a ListConfig, list or tuple", text):
        return "must be a list in brackets and quotes, e.g. 'search.theta=[0.5]' or 'search.k=[0,1]'"
    return re.sub(r"^In '.*raised while composing config:", "", text.splitlines()[0]).strip()


def _fail(message: str) -> None:
    print(_one_line(message), file=sys.stderr)
    sys.exit(1)


def _one_line(message: str) -> str:
    return f"error: {mask_credentials(' '.join(message.split()))}"

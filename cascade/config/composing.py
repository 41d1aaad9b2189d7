"""Where the configuration files lie, and composing them from Python as the command line does."""

import sys
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from cascade.base import program
from cascade.config.schemas import register_schemas
from cascade.config.study import Study, build_study

HELP = {"--help", "-h"}
PACKAGE = Path(__file__).parents[1]
#: The folder of `config.yaml`: inside the installed package, beside it in a checkout.
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())


def prepare_composition() -> None:
    """Make known to Hydra what the files in `CONF` refer to: the schemas, and what the help text shows."""
    register_schemas()
    OmegaConf.register_new_resolver("program", program, replace=True)
    OmegaConf.register_new_resolver("groups", _groups, replace=True)


def is_option(name: str) -> bool:
    """Whether a file of a group is for people to choose; schemas are for files to begin with."""
    return not name.startswith("base_")


def _groups() -> str:
    """A line for each group with its options, those of a folder of one's own among them."""
    if HELP.isdisjoint(sys.argv[1:]):
        return ""  # Hydra resolves the help text with every configuration, and the listing takes 0.3 s
    loader = GlobalHydra.instance().config_loader()
    groups = [group for group in loader.list_groups("") if group != "hydra"]
    return "\n".join(
        f"  {group}: {', '.join(filter(is_option, loader.get_group_options(group)))}" for group in groups
    )


def compose_study(overrides: Sequence[str] = (), config_dir: Path | str | None = None) -> Study:
    """The study that the command line would run with these settings.

    Args:
        overrides: as on the command line, e.g. ``"family=codegen"``, ``"search.theta=[0.5,0.9]"``.
        config_dir: a folder with files of one's own, laid out like `CONF`; as ``--config-dir``.

    Raises:
        ConfigError: a value is out of range; names the key, its value and what is allowed.
        HydraException: the overrides do not compose.
    """
    prepare_composition()
    searchpath = [] if config_dir is None else [f"hydra.searchpath=['{Path(config_dir).absolute()}']"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return build_study(compose("config", [*overrides, *searchpath]), overrides)

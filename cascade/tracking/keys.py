"""The tags by which runs are found again, and the names that MLflow takes; without MLflow itself."""

import re
from functools import cache

SELECTED = "cascade.selected"  # the tag of a run that chose plans
KIND = "cascade.kind"  # the tag that tells a study's own run from those of its plans
STUDY, PLAN = "study", "plan"
OF_STUDY = "cascade.study"  # the tag of a combination: the run of the study that it belongs to
COMBINATIONS_LINK = "cascade.combinations"  # the tag of a study's run that leads to its combinations


@cache
def legal_key(key: str) -> str:
    """A name that MLflow takes for a metric or a param; a model may be called anything."""
    parts = re.sub(r"[^\w.\- :/]", "_", key).split("/")
    # A key is a path to MLflow: none of its parts may be empty, . or ..
    return "/".join(part if part.strip(".") else "_" for part in parts)

"""Where to look in the UI: links, and the saved views that they open.

A saved view is a tag of the experiment whose value the UI itself writes when a person shares a view
(MLflow 3.17). The format is not documented: where MLflow changes it the link still opens the runs.
"""

import base64
import json
import logging
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from cascade.tracking.client import Tracker
from cascade.tracking.keys import KIND, OF_STUDY, PLAN, SELECTED, legal_key

# The views of an experiment of studies; they stand in links.
STUDIES, FRONTS, PLANS = "studies", "fronts", "plans"
_TAG, _PACKED = "mlflow.sharedViewState.", "deflate;"

log = logging.getLogger(__name__)

# The UI's ids of the columns that every table begins with.
_CHECKBOX, _NAME = "1", "attributes.`Run Name`"

View = Mapping[str, Any]


def page(experiment_id: str, view: str | None = None) -> str:
    """The UI's page of an experiment's runs, below the server's address.

    The UI opens in its GenAI mode otherwise, which shows no runs.
    """
    link = f"#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    if view is None:
        return link
    mode = "&compareRunsMode=CHART" if view in (FRONTS, PLANS) else ""
    return f"{link}{mode}&viewStateShareKey={view}"


def run_page(experiment_id: str, run_id: str) -> str:
    """The UI's page of one run."""
    return f"#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"


def save_views(tracker: Tracker, experiment_id: str, views: Mapping[str, View]) -> None:
    """Write an experiment's views where they are not yet as they should be.

    A failure is a warning: nothing else depends on them, and the format is MLflow's own affair.

    Args:
        tracker: the store.
        experiment_id: the experiment.
        views: by key, as `studies_views` or `combinations_view` makes them.
    """
    try:
        tags = tracker.client.get_experiment(experiment_id).tags
        for key, view in views.items():
            if _state(tags.get(f"{_TAG}{key}")) != view["state"]:
                now = int(time.time() * 1000)
                packed = base64.b64encode(zlib.compress(json.dumps(view["state"]).encode())).decode()
                value = {"name": view["name"], "createdAt": now, "updatedAt": now, "state": _PACKED + packed}
                tracker.client.set_experiment_tag(experiment_id, f"{_TAG}{key}", json.dumps(value))
    except Exception as error:
        log.warning("the saved views could not be written (%s); the runs are logged all the same", error)


def _state(tag: str | None) -> Any:
    if tag is None:
        return None
    packed = json.loads(tag)["state"].removeprefix(_PACKED)
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def studies_views(models: Sequence[str]) -> dict[str, View]:
    """The views of an experiment of studies.

    Args:
        models: names of the family's models.
    """
    of_a_plan = [
        _metric(name) for side in ("test", "validation") for name in (f"{side}.accuracy", _usd(side))
    ]
    return {
        STUDIES: _view(
            "studies and their plans",
            columns=[
                _metric("saving_by_target"),
                _metric("accuracy_by_target"),
                _metric("generalization_gap"),
                _metric("regret"),
                *of_a_plan[:2],
                _metric("saving"),
                *of_a_plan[2:],
                _metric("theta"),
                _metric("hypervolume"),
                _param("hardware"),
                _param("seed"),
            ],
        ),
        FRONTS: _view(
            "fronts of all studies",
            # Runs that chose plans, and so have a front.
            filter_by=f"tags.`{SELECTED}` = 'true'",
            charts=[
                _front_chart("fronts-validation", "chosen plans, validation side", "pareto"),
                _front_chart("fronts-test", "chosen plans, test side", "pareto_test"),
                _front_chart("fronts-singular", "best plans of one model, validation side", "singular"),
            ],
        ),
        PLANS: _view(
            "chosen plans",
            filter_by=f"tags.`{KIND}` = '{PLAN}'",
            # In any other order than by date the UI shows runs without the studies that they belong to.
            order_by=_metric("test.accuracy"),
            columns=[*of_a_plan, _metric("saving"), _param("front")],
            charts=[
                {
                    **_card("plans-scatter", "SCATTER", "accuracy and cost on the test side"),
                    "xaxis": {"key": _usd("test"), "type": "METRIC"},
                    "yaxis": {"key": "test.accuracy", "type": "METRIC"},
                    "runsCountToCompare": 100,
                },
                {
                    **_card("plans-parallel", "PARALLEL", "k of each model, cost and accuracy"),
                    "selectedParams": [legal_key(f"k.{model}") for model in models],
                    "selectedMetrics": [_usd("test"), "test.accuracy"],
                    "showAllRuns": True,
                },
            ],
        ),
    }


def combinations_of(run_id: str) -> str:
    """The view of the combinations of one study, by its run."""
    return f"of-{run_id}"


def combinations_view(params: Sequence[str], run_id: str) -> dict[str, View]:
    """The view of one study's combinations: those on the front first, then by accuracy, then by cost.

    Args:
        params: of the combinations, in the order of their columns.
        run_id: the study's run.
    """
    return {
        combinations_of(run_id): _view(
            f"all combinations of run {run_id[:8]}",
            filter_by=f"tags.`{OF_STUDY}` = '{run_id}'",
            columns=[
                *map(_metric, ("accuracy", "usd_per_1k_queries", "on_front", "rank")),
                *map(_param, params),
            ],
            order_by=_metric("rank"),
            ascending=True,
        )
    }


def _view(
    name: str,
    *,
    columns: Sequence[str] = (),
    filter_by: str = "",
    order_by: str = "attributes.start_time",
    ascending: bool = False,
    charts: Sequence[Mapping[str, Any]] = (),
) -> View:
    of_project, generated = "cascade", "generated"
    return {
        "name": name,
        "state": {
            "searchFilter": filter_by,
            "orderByKey": order_by,
            "orderByAsc": ascending,
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "datasetsFilter": [],
            "modelVersionFilter": "All Runs",
            "selectedColumns": list(columns),
            "columnOrder": [_CHECKBOX, _NAME, *columns],
            "columnWidths": {_NAME: 400},
            "runsHiddenMode": "SHOW_ALL",
            "hideEmptyCharts": True,
            "compareRunCharts": list(charts) or None,
            # The UI adds a chart for every metric; they go into a section that begins closed.
            "compareRunSections": [
                _section(of_project, name, display=True),
                _section(generated, "Model metrics", display=False),
            ]
            if charts
            else None,
            "isAccordionReordered": True,
        },
    }


def _section(uuid: str, name: str, *, display: bool) -> dict[str, Any]:
    generated = not display
    return {
        "uuid": uuid,
        "name": name,
        "display": display,
        "isReordered": True,
        "isGenerated": generated,
        "columns": 2,
        "cardHeight": 420,
    }


def _card(uuid: str, kind: str, title: str) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "type": kind,
        "metricSectionId": "cascade",
        "deleted": False,
        "isGenerated": False,
        "displayName": title,
    }


def _front_chart(uuid: str, title: str, prefix: str) -> dict[str, Any]:
    """A line for each run: accuracy against the logarithm of the cost.

    A metric over a metric is the only way the UI draws one over the other, and such an axis is linear.
    """
    return {
        **_card(uuid, "LINE", title),
        "metricKey": f"{prefix}_accuracy",
        "selectedMetricKeys": [f"{prefix}_accuracy"],
        "xAxisKey": "metric",
        "selectedXAxisMetricKey": f"{prefix}_log10_cost",
        "useGlobalXaxisKey": False,
        "useGlobalLineSmoothing": False,
        "lineSmoothness": 0,
        "scaleType": "linear",
        "displayPoints": True,
        "range": {},
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "runsCountToCompare": 100,
    }


def _metric(key: str) -> str:
    return f"metrics.`{legal_key(key)}`"


def _param(key: str) -> str:
    return f"params.`{legal_key(key)}`"


def _usd(side: str) -> str:
    return f"{side}.usd_per_1k_queries"

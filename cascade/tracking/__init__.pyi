from .client import Tracker as Tracker, sqlite_uri as sqlite_uri
from .dead_runs import close_dead_runs as close_dead_runs
from .embedded import looks_sound as looks_sound
from .failures import tracking_failure as tracking_failure
from .keys import COMBINATIONS_LINK as COMBINATIONS_LINK, KIND as KIND, SELECTED as SELECTED, STUDY as STUDY
from .layout import (
    log_combinations as log_combinations,
    log_data_set as log_data_set,
    log_plans as log_plans,
    prepare as prepare,
)
from .traces import log_traces as log_traces
from .ui import browse_command as browse_command
from .views import FRONTS as FRONTS, STUDIES as STUDIES, page as page, run_page as run_page

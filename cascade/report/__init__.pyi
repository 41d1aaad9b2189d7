from .content import Evaluated as Evaluated, RunRecord as RunRecord
from .diagnostics import (
    Runs as Runs,
    acceptance_table as acceptance_table,
    calibration_figure as calibration_figure,
    calibration_table as calibration_table,
    options_table as options_table,
    solved_table as solved_table,
)
from .explain import (
    EXAMPLES as EXAMPLES,
    Example as Example,
    Step as Step,
    choose_examples as choose_examples,
    explain_plan as explain_plan,
    load_examples as load_examples,
    save_examples as save_examples,
)
from .figures import cost_accuracy_figure as cost_accuracy_figure, reliability_figure as reliability_figure
from .optuna_plots import optuna_plots as optuna_plots
from .page import FOLDER as FOLDER
from .study_page import write_study_page as write_study_page
from .sweep import summarise as summarise
from .sweep_page import write_sweep_page as write_sweep_page
from .target_curves import target_curves as target_curves, target_figure as target_figure
from .terminal import (
    answer_screen as answer_screen,
    last_screen as last_screen,
    links_screen as links_screen,
    plans_markdown as plans_markdown,
    table as table,
)

from .artifacts import (
    COMBINATIONS as COMBINATIONS,
    STAGE_TABLES as STAGE_TABLES,
    Executed as Executed,
    combinations_table as combinations_table,
    ranked as ranked,
)
from .calibration_report import (
    ModelCalibration as ModelCalibration,
    calibration_reports as calibration_reports,
)
from .certify import Promise as Promise, certify as certify, plan_cost_bound as plan_cost_bound
from .choose import (
    falling_growing as falling_growing,
    falling_k as falling_k,
    near_front as near_front,
    one_stage as one_stage,
    select as select,
)
from .chosen_plans import (
    Certificate as Certificate,
    ChosenPlan as ChosenPlan,
    Estimate as Estimate,
    Proof as Proof,
    Recommendation as Recommendation,
    Replacement as Replacement,
)
from .compare_rules import rule_comparison as rule_comparison
from .constraints import Constraints as Constraints, constrained_plan as constrained_plan
from .cross_validation import nested_savings as nested_savings
from .evaluate import (
    difference as difference,
    estimates as estimates,
    generalization_gap as generalization_gap,
    replaced as replaced,
    savings as savings,
)
from .exact import ExactFront as ExactFront, exact_front as exact_front
from .expectations import StageExpectation as StageExpectation, expected_stages as expected_stages
from .grid import Combinations as Combinations, GridResult as GridResult, grid_search as grid_search
from .grid_size import (
    MAX_GRID_PLANS as MAX_GRID_PLANS,
    GridSize as GridSize,
    n_grid_plans as n_grid_plans,
    size_of_grid as size_of_grid,
)
from .mean_saving import (
    AS_PRINTED as AS_PRINTED,
    AS_WRITTEN as AS_WRITTEN,
    EQUAL_ACCURACY as EQUAL_ACCURACY,
    SavingMeasure as SavingMeasure,
    equal_cost as equal_cost,
    mean_saving as mean_saving,
)
from .measures import (
    Measures as Measures,
    Sides as Sides,
    at_equal_accuracy_measured as at_equal_accuracy_measured,
    by_target_measured as by_target_measured,
    measures as measures,
    regret as regret,
    targets as targets,
)
from .optimism import (
    corrected as corrected,
    front_optimism as front_optimism,
    selection_optimism as selection_optimism,
    with_counted_singles as with_counted_singles,
)
from .optuna_search import OBJECTIVES as OBJECTIVES, search_with_optuna as search_with_optuna
from .plan_file import PLANS as PLANS, PlanFile as PlanFile
from .plan_list import listed_plans as listed_plans, one_stage_plans as one_stage_plans, values as values
from .plan_results import (
    StageShare as StageShare,
    combination_outcomes as combination_outcomes,
    expected_rounds as expected_rounds,
    plan_indices as plan_indices,
    plan_outcomes as plan_outcomes,
    stage_shares as stage_shares,
)
from .provenance import Provenance as Provenance
from .recommend import MAX_LOSS as MAX_LOSS, candidate as candidate, recommend as recommend
from .settings import (
    ExactSettings as ExactSettings,
    OptunaSettings as OptunaSettings,
    SearchSettings as SearchSettings,
)
from .unlabelled import at_cost as at_cost, with_unlabelled as with_unlabelled
from .wrong_after_all import WrongAfterAll as WrongAfterAll, wrong_after_all as wrong_after_all

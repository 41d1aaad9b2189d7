from .bootstrap import (
    Floats as Floats,
    FrontStability as FrontStability,
    Interval as Interval,
    Measured as Measured,
    front_stability as front_stability,
    interval as interval,
    intervals as intervals,
    mean_of_studies as mean_of_studies,
    problem_weights as problem_weights,
    replicate_means as replicate_means,
    wilson_lower_bound as wilson_lower_bound,
)
from .calibration import (
    FEATURES as FEATURES,
    N_FOLDS as N_FOLDS,
    Answer as Answer,
    Calibrator as Calibrator,
    answer_probability as answer_probability,
    evidence as evidence,
    features as features,
    fit_calibrator as fit_calibrator,
    probabilities as probabilities,
)
from .diagnostics import (
    MAX_SUBSETS as MAX_SUBSETS,
    Bin as Bin,
    acceptance as acceptance,
    advice as advice,
    first_answers as first_answers,
    price_advice as price_advice,
    probability_bins as probability_bins,
    quality as quality,
    reliability as reliability,
    who_solves_what as who_solves_what,
)
from .draw_arrays import OutcomeArrays as OutcomeArrays
from .estimators import Estimator as Estimator, FirstK as FirstK, Resample as Resample
from .growing import pool_sizes as pool_sizes
from .lines import Line as Line, LineKind as LineKind, split_lines as split_lines
from .model_runs import ModelRuns as ModelRuns, model_runs as model_runs, rng_key as rng_key
from .outcomes import (
    DrawOutcome as DrawOutcome,
    ProblemOutcome as ProblemOutcome,
    available_options as available_options,
)
from .pareto import front as front, hypervolume as hypervolume, on_front as on_front
from .plans import (
    EXIT as EXIT,
    SKIP as SKIP,
    Growing as Growing,
    Option as Option,
    Plan as Plan,
    PlanSpace as PlanSpace,
    ThetaChoice as ThetaChoice,
    option_space as option_space,
    plan_space as plan_space,
)
from .pricing import (
    Hardware as Hardware,
    Throughput as Throughput,
    usd_per_1k_queries as usd_per_1k_queries,
    usd_per_1m_tokens as usd_per_1m_tokens,
    usd_per_token as usd_per_token,
)
from .rules import CALIBRATED as CALIBRATED, RULES as RULES, Rule as Rule, answered_by as answered_by
from .score import accepts as accepts, exact_theta as exact_theta
from .split import Split as Split, balanced_split as balanced_split, listed_split as listed_split
from .stage_acceptance import (
    Acceptance as Acceptance,
    ByProbability as ByProbability,
    ByScore as ByScore,
    calibrate as calibrate,
)
from .stage_runs import StageRuns as StageRuns, judge_samples as judge_samples, take_samples as take_samples
from .stage_tables import (
    ARRAYS as ARRAYS,
    StageTable as StageTable,
    stage_table as stage_table,
    table_of_runs as table_of_runs,
)

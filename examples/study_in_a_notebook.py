"""A study's results in a notebook: load its folder, search its plans, choose again, prove, plot.

    python examples/study_in_a_notebook.py OUTPUT-FOLDER

Each block is a cell. `cascade.run("family=mini", …)` in place of `load_study` runs a study first.
"""

# %% A finished study: stage tables, chosen plans, all combinations.
import sys

import cascade

study = cascade.load_study(sys.argv[1])
print("models:", ", ".join(study.executed.models))
print(study.combinations.nlargest(3, "accuracy").to_string(index=False))

# %% Every plan again, on the validation side, from the tables alone.
grid = study.search("validation")
print(f"{grid.accuracy.size:,} combinations; best accuracy {grid.accuracy.max():.1%}")

# %% Choose: one front over all thresholds in place of the best threshold's.
chosen = cascade.select(grid, cascade.ThetaChoice.pooled).front
plans = grid.plans(chosen)

# %% Prove: the chosen plans on problems that had no say in the choice.
accuracy, usd_per_1k_queries = cascade.plan_outcomes(study.tables("test"), plans).mean(axis=2)
for plan, right, usd in zip(plans, accuracy, usd_per_1k_queries, strict=True):
    print(f"{plan.describe(study.executed.models):45} {right:6.1%}  {usd:.6f} $ per 1,000 queries")

# %% Plot.
study.plot("cost_accuracy.png")

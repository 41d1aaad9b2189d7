"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const charts = [...document.querySelectorAll(".chart")];
  document.documentElement.classList.add("drawn");
  for (const chart of charts) {
    const { data, layout } = JSON.parse(byId(chart.dataset.chart).textContent);
    Plotly.newPlot(chart, data, layout, { responsive: true, displaylogo: false });
  }
  if (!byId("plans")) return;

  const { plans, start, accuracies } = JSON.parse(byId("plans").textContent);
  const budget = byId("budget"), least = byId("least");
  const cheapest = Math.max(plans[0].cost, 1e-12), dearest = plans[plans.length - 1].cost;
  // Steps of half a point down from the best accuracy.
  const [lowest, best] = accuracies;
  least.max = best;
  least.min = best - 0.5 * Math.ceil((best - lowest) / 0.5);
  const spend = () => cheapest * (dearest / cheapest) ** (budget.value / 100);
  const dollars = (amount) => `$${Number(amount.toPrecision(3))} per 1,000 queries`;
  const row = (n) => document.querySelectorAll("#table-plans tbody tr")[n];
  const marks = charts.map((chart) => [chart, chart.data.findIndex((t) => t.name === "the plan of the sliders")]);

  // Sums of the same numbers in another order differ in the last bits: that is no difference.
  const affordable = () => Math.max(0, plans.findLastIndex((plan) => plan.cost <= spend() * (1 + 1e-9)));
  const accurate = () => plans.findIndex((plan) => 100 * plan.accuracy >= least.value - 1e-6);

  const cell = (tag, text, name) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    if (tag === "th") made.scope = "row";
    return made;
  };

  // An interval stands below its number.
  const fill = (field, text) => {
    const [value, interval] = field.className === "number" ? text.split(" (") : [text];
    field.textContent = value;
    if (interval) field.append(" ", cell("span", `(${interval}`, "ends"));
  };

  let shown = -1;
  const show = (n) => {
    const plan = plans[n];
    byId("budget-value").textContent = dollars(spend());
    byId("least-value").textContent = `${Number(least.value).toFixed(1)} % of the time`;
    budget.setAttribute("aria-valuetext", byId("budget-value").textContent);
    least.setAttribute("aria-valuetext", byId("least-value").textContent);
    if (n === shown) return;
    shown = n;
    byId("choice").textContent = plan.summary;
    for (const field of document.querySelectorAll("[data-field]")) fill(field, plan[field.dataset.field]);
    byId("stages").replaceChildren(...plan.stages.map((stage) => {
      const line = document.createElement("tr");
      line.append(cell("th", stage.model), cell("td", stage.asked, "number"),
        cell("td", stage.answered, "number"), cell("td", stage.does));
      return line;
    }));
    plans.forEach((_, i) => row(i).classList.toggle("chosen", i === n));
    for (const [chart, trace] of marks) {
      if (trace < 0) continue;
      const [x, y] = plan.places[chart.dataset.chart];
      Plotly.restyle(chart, { x: [[x]], y: [[y]] }, [trace]);
    }
  };

  // Where a slider stands for a plan: the least budget that buys it, and the most that it promises.
  const setBudget = (plan) => {
    const share = Math.log(plan.cost / cheapest) / Math.log(dearest / cheapest);
    budget.value = Math.ceil(100 * share - 1e-6) || 0;
  };
  const setLeast = (plan) => {
    least.value = Number(least.min) + 0.5 * Math.floor((100 * plan.accuracy - least.min) / 0.5 + 1e-6);
  };
  budget.addEventListener("input", () => {
    const n = affordable();
    setLeast(plans[n]);
    show(n);
  });
  least.addEventListener("input", () => {
    const n = accurate();
    setBudget(plans[n]);
    show(n);
  });
  setBudget(plans[start]);
  setLeast(plans[start]);
  show(start);
  byId("chooser").hidden = false;
})();

// Shows the runs: their contestants, results, and curves of those still training.

import { lineChart } from "./curves.js";
import { count, duration, element, number } from "./dom.js";

export function showRuns(place, runs, curvesOfRuns) {
  const focused = document.activeElement?.id;
  const unfolded = new Set([...place.querySelectorAll("details[open]")].map((each) => each.id));
  place.replaceChildren(...runs.map((run) => runBox(run, curvesOfRuns.get(run.name) ?? [])));
  for (const each of place.querySelectorAll("details")) each.open = unfolded.has(each.id);
  if (focused && !document.activeElement?.id) document.getElementById(focused)?.focus();
}

function runBox(run, curves) {
  const byContestant = new Map(curves.map((curve) => [curve.contestant, curve]));
  return element(
    "article",
    { "aria-label": run.name },
    element("h3", {}, run.name, element("small", {}, run.task.replace("-", " "))),
    ...run.finished ? verdict(run) : [ element("p", { class: "live" }, "in progress")],
    run.report ? element("p", {}, element("a", { href: run.report, id: `report-${run.name}` }, "Open the report")) : null,
    table(run, byContestant),
    curves.length ? charts(run, curves) : null,
  );
}

// The summary, a line each, and everything else folded.
export function verdict(run) {
  const [winner, ...lines] = run.summary;
  const details = run.verdict.slice(run.summary.length);
  return [
    element("p", { class: "headline" }, winner),
    ...lines.map((line) => {
      const colon = line.indexOf(":") + 1;
      return element("p", { class: "line" }, element("b", {}, line.slice(0, colon)), line.slice(colon));
    }),
    details.length
      ? element(
          "details", { class: "more", id: `reasons-${run.name}` },
          element("summary", { id: `unfold-${run.name}` }, `The reasons, in ${details.length} sentence${details.length === 1 ? "" : "s"}`),
          run.rule ? element("p", { class: "note" }, element("b", {}, "Recommended: "), run.rule) : null,
          element("ul", { class: "reasons" }, ...details.map((sentence) => element("li", {}, sentence))),
        )
      : null,
  ];
}

export function table(run, curves) {
  const open = run.contestants.some(({ state }) => state !== "finished");
  const titles = ["Contestant", ...open ? ["State"] : [], metricTitle(run), "Training"];
  const head = element("tr", {}, ...titles.map((title, index) => element("th", { scope: "col", class: index ? "" : "words" }, title)));
  const scale = scaleOf(run.contestants.map(({ metric }) => metric).filter((metric) => metric !== null));
  if (scale) head.lastChild.before(element("td", { class: "range", "aria-hidden": "true" }));
  const rows = run.contestants.map((contestant) => {
    const { name, method, state, metric, training_seconds: seconds } = contestant;
    const curve = curves.get(name);
    return element(
      "tr", name === run.recommended ? { class: "winner" } : {},
      element(
        "th", { scope: "row" }, name,
        name === run.recommended ? element("small", { class: "role" }, "recommended") : null,
        method === name ? null : element("small", {}, method),
      ),
      open ? element("td", {}, state, state === "training" && curve ? element("small", {}, trainingState(curve)) : null) : null,
      metricCell(metric),
      scale ? element("td", { class: "range", "aria-hidden": "true" }, metric === null ? null : intervalBar(metric, scale)) : null,
      element("td", { class: "measure" }, seconds === null ? "–" : duration(seconds)),
    );
  });
  const made = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  const id = `table-${run.name}`;
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": `Contestants of ${run.name}`, id }, made);
}

function metricTitle(run) {
  const metric = run.contestants.find((contestant) => contestant.metric !== null)?.metric;
  if (!metric) return "Result";
  return metric.protocol === metric.name ? metric.title : `${metric.title}, ${metric.protocol}`;
}

function metricCell(metric) {
  if (metric === null) return element("td", {}, "–");
  const range = metric.low === null ? null : element("small", {}, `${number(metric.low)} to ${number(metric.high)}`);
  return element("td", { class: "measure" }, number(metric.value), range);
}

// The range that the intervals of all contestants span; null if there is nothing to compare.
function scaleOf(metrics) {
  const ends = metrics.flatMap(({ low, high, value }) => [low ?? value, high ?? value]).filter((end) => end !== null);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  return metrics.length > 1 && high > low ? { low, high } : null;
}

// An interval as a line with a dot, for the eye; the numbers beside it say the same.
function intervalBar({ low, high, value }, scale) {
  const place = (end) => (100 * (end - scale.low)) / (scale.high - scale.low);
  const bar = element("div", {}, element("i"), element("b"));
  const [line, dot] = bar.children;
  if (value === null) return null;
  line.style.left = `${place(low ?? value)}%`;
  line.style.width = `${place(high ?? value) - place(low ?? value)}%`;
  dot.style.left = `${place(value)}%`;
  return bar;
}

function trainingState(curve) {
  const speed = curve.tokens_per_second === null ? "" : ` · ${count(curve.tokens_per_second)} tokens/s`;
  return `epoch ${curve.epoch} · step ${count(curve.step)}${speed}`;
}

export function charts(run, curves) {
  const tokens = run.task === "classification" ? "training words" : "training tokens";
  const series = (key) => curves.map((curve) => ({
    name: curve.contestant,
    index: run.contestants.findIndex(({ name }) => name === curve.contestant), // it keeps its color when others start training
    points: curve[key].filter((point) => point.loss !== null).map((point) => [point.tokens, point.loss]),
  }));
  return element(
    "div",
    { class: "curves" },
    lineChart("Training loss", tokens, series("training"), false),
    lineChart("Validation loss", tokens, series("validation"), true),
  );
}

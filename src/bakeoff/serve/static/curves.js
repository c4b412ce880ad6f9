// Line charts as SVG.

import { count, drawing, number } from "./dom.js";

const WIDTH = 480;
const PLOT = 164; // height of the plot itself
const LEFT = 48;
const RIGHT = 12;
const BOTTOM = 40;
const LEGEND = 28; // the first line of the legend
const LINE = 17;
const LONGEST_NAME = 65; // fills a line
const DASHES = ["none", "7 3", "2 3"]; // of more series than colors

// Draw `series`, each with a name, an index that decides its color and dashes, and points [x, y]. With `dots`, mark every point.
export function lineChart(title, xTitle, series, dots) {
  const drawn = series.filter(({ points }) => points.length);
  const xs = drawn.flatMap(({ points }) => points.map(([x]) => x));
  const ys = drawn.flatMap(({ points }) => points.map(([, y]) => y));
  const yTicks = ticks(Math.min(...ys), Math.max(...ys));
  const [low, high] = [yTicks[0], yTicks.at(-1)];
  const xMax = Math.max(...xs, 1);
  const across = (x) => LEFT + (x / xMax) * (WIDTH - LEFT - RIGHT);
  const places = legendPlaces(drawn);
  const top = 18 + LEGEND + LINE * (places.at(-1)?.row ?? 0);
  const height = top + PLOT + BOTTOM;
  const down = (y) => height - BOTTOM - ((y - low) / (high - low)) * PLOT;
  const chart = drawing(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": description(title, xTitle, drawn) },
    drawing("text", { class: "title", x: 0, y: 12 }, title),
    ...legend(places),
  );
  if (!drawn.length) {
    chart.append(drawing("text", { x: LEFT, y: height / 2 }, "no data yet"));
    return chart;
  }
  for (const tick of yTicks) {
    chart.append(
      drawing("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: down(tick), y2: down(tick) }),
      drawing("text", { x: LEFT - 6, y: down(tick) + 4, "text-anchor": "end" }, shortest(tick)),
    );
  }
  for (const tick of ticks(0, xMax).filter((tick) => tick <= xMax)) {
    chart.append(drawing("text", { x: across(tick), y: height - BOTTOM + 16, "text-anchor": "middle" }, count(tick)));
  }
  chart.append(drawing("text", { x: WIDTH - RIGHT, y: height - 6, "text-anchor": "end" }, xTitle));
  for (const { points, index } of drawn) {
    const line = points.map(([x, y]) => `${across(x).toFixed(1)},${down(y).toFixed(1)}`).join(" ");
    chart.append(drawing("polyline", { ...look(index), points: line }));
    if (dots) {
      chart.append(...points.map(([x, y]) => drawing("circle", { class: look(index).class, cx: across(x), cy: down(y), r: 3 })));
    }
  }
  return chart;
}

// Return about four round numbers that cover a range.
export function ticks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => span / size <= 5);
  const first = Math.floor(low / step);
  const last = Math.max(Math.ceil(high / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

function shortest(value) {
  return String(Number(value.toPrecision(6)));
}

// Return how a line is drawn: there are 8 colors, and then the same ones with dashes.
function look(index) {
  return { class: `series-${1 + (index % 8)}`, "stroke-dasharray": DASHES[Math.floor(index / 8) % DASHES.length] };
}

// Return where the names of the legend stand, in as many rows as they take.
function legendPlaces(series) {
  let [x, row] = [0, 0];
  return series.map(({ name, index }) => {
    const words = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
    const width = 34 + words.length * 6.5;
    if (x > 0 && x + width > WIDTH) [x, row] = [0, row + 1];
    x += width;
    return { words, index, x: x - width, row };
  });
}

function legend(places) {
  return places.flatMap(({ words, index, x, row }) => {
    const y = LEGEND + LINE * row;
    return [
      drawing("line", { ...look(index), x1: x, x2: x + 16, y1: y, y2: y, "stroke-width": 2.5 }),
      drawing("text", { x: x + 21, y: y + 4 }, words),
    ];
  });
}

function description(title, xTitle, series) {
  const ends = series.map(({ name, points }) => `${name} ${number(points.at(-1)[1])} after ${count(points.at(-1)[0])}`);
  return `${title} by ${xTitle}: ${ends.join("; ") || "no data yet"}.`;
}

// Line charts as SVG.

import { count, drawing, number } from "./dom.js";

const WIDTH = 480;
const HEIGHT = 250;
const LEFT = 48;
const RIGHT = 12;
const TOP = 46;
const BOTTOM = 40;

// Draw `series`, each with a name, a color (1 to 8) and points [x, y]. With `dots`, mark every point.
export function lineChart(title, xTitle, series, dots) {
  const drawn = series.filter(({ points }) => points.length);
  const xs = drawn.flatMap(({ points }) => points.map(([x]) => x));
  const ys = drawn.flatMap(({ points }) => points.map(([, y]) => y));
  const yTicks = ticks(Math.min(...ys), Math.max(...ys));
  const [low, high] = [yTicks[0], yTicks.at(-1)];
  const xMax = Math.max(...xs, 1);
  const across = (x) => LEFT + (x / xMax) * (WIDTH - LEFT - RIGHT);
  const down = (y) => HEIGHT - BOTTOM - ((y - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const chart = drawing(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": description(title, xTitle, drawn) },
    drawing("text", { class: "title", x: 0, y: 12 }, title),
    ...legend(drawn),
  );
  if (!drawn.length) {
    chart.append(drawing("text", { x: LEFT, y: HEIGHT / 2 }, "no data yet"));
    return chart;
  }
  for (const tick of yTicks) {
    chart.append(
      drawing("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: down(tick), y2: down(tick) }),
      drawing("text", { x: LEFT - 6, y: down(tick) + 4, "text-anchor": "end" }, shortest(tick)),
    );
  }
  for (const tick of ticks(0, xMax).filter((tick) => tick <= xMax)) {
    chart.append(drawing("text", { x: across(tick), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, count(tick)));
  }
  chart.append(drawing("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, xTitle));
  for (const { points, color } of drawn) {
    const line = points.map(([x, y]) => `${across(x).toFixed(1)},${down(y).toFixed(1)}`).join(" ");
    chart.append(drawing("polyline", { class: `series-${color}`, points: line }));
    if (dots) {
      chart.append(...points.map(([x, y]) => drawing("circle", { class: `series-${color}`, cx: across(x), cy: down(y), r: 3 })));
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

function legend(series) {
  let x = 0;
  return series.flatMap(({ name, color }) => {
    const begin = x;
    x += 34 + name.length * 6.5;
    return [
      drawing("line", { class: `series-${color}`, x1: begin, x2: begin + 16, y1: 28, y2: 28, "stroke-width": 2.5 }),
      drawing("text", { x: begin + 21, y: 32 }, name),
    ];
  });
}

function description(title, xTitle, series) {
  const ends = series.map(({ name, points }) => `${name} ${number(points.at(-1)[1])} after ${count(points.at(-1)[0])}`);
  return `${title} by ${xTitle}: ${ends.join("; ") || "no data yet"}.`;
}

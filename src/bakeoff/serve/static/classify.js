// Sends a text to every classifier and shows each answer in its own box. Leaving the page aborts, as in write.js.

import { post } from "./api.js";
import { element } from "./dom.js";

const MOST_LABELS = 8;

export function prepareClassify(section, contestants, leaving) {
  const form = section.querySelector("form");
  const status = section.querySelector(".status");
  const answers = section.querySelector(".answers");
  let asking = new AbortController();

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const text = form.querySelector("textarea").value;
    const asked = contestants();
    status.textContent = "Classifying …";
    const boxes = asked.map(({ title }) => element("article", { "aria-label": title }, element("h3", {}, title)));
    answers.replaceChildren(...boxes);
    await Promise.all(asked.map((contestant, index) => answer(contestant, text, features(form, contestant), boxes[index], signal)));
    if (!signal.aborted) status.textContent = `${asked.length} answered.`;
  });
  leaving?.addEventListener("abort", () => asking.abort());
}

// Show a field for each column that a contestant reads beside the text; what is typed in them stays.
export function showColumns(section, contestants) {
  const fields = section.querySelector(".columns");
  const columns = [...new Set(contestants.flatMap((contestant) => contestant.columns))];
  const shown = [...fields.querySelectorAll("input")].map((input) => input.name);
  if (JSON.stringify(columns) === JSON.stringify(shown)) return;
  fields.hidden = !columns.length;
  fields.replaceChildren(...columns.map((name) => element("label", {}, `${name} `, element("input", { name, placeholder: "missing", dir: "auto" }))));
}

// The values of a contestant's columns; those that are left empty are missing.
function features(form, contestant) {
  const given = [...form.querySelectorAll(".columns input")].filter(({ name, value }) => contestant.columns.includes(name) && value);
  return Object.fromEntries(given.map(({ name, value }) => [name, value]));
}

async function answer(contestant, text, values, box, signal) {
  try {
    const body = { texts: [text], features: contestant.columns.length ? [values] : null, models: [contestant.model], explain: true };
    const [prediction] = (await post("/v1/classify", body, signal)).data[0].predictions;
    box.append(
      element("p", { class: "answer-label" }, prediction.labels ? prediction.labels.join(", ") || "no label" : prediction.label ?? "none of these"),
      shares(prediction.probabilities),
      ...(prediction.words?.length ? marked(text, prediction.words, prediction.labels ? `“${prediction.label}”` : prediction.label === null ? "the nearest label" : "this label") : []),
      ...(prediction.columns?.length ? [cells(prediction.columns)] : []),
    );
  } catch (error) {
    if (error.name !== "AbortError") box.append(element("p", { class: "failed" }, error.message));
  }
}

// List the labels with their probabilities, most probable first.
function shares(probabilities) {
  const ranked = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
  const rows = ranked.slice(0, MOST_LABELS).map(([label, probability]) => {
    const bar = element("div");
    bar.style.width = `${probability * 100}%`;
    return element(
      "li", {},
      element("span", {}, label),
      element("span", {}, probability.toFixed(4)),
      element("div", { class: "bar" }, bar),
    );
  });
  return element("ul", { class: "shares" }, ...rows);
}

// List the columns that the contestant read, the strongest first, with what each adds to the log-odds of the label.
function cells(columns) {
  const words = columns.map(({ column, value, contribution }) => `${column}: ${value ?? "missing"} (${contribution < 0 ? "−" : "+"}${Math.abs(contribution).toFixed(2)})`);
  return element("p", { class: "note" }, words.join(" · "));
}

// Mark the words that drove the decision, as the report does. Offsets count code points, as in Python.
function marked(text, words, label) {
  const characters = Array.from(text);
  const parts = [];
  let end = 0;
  const places = words.flatMap(({ spans, contribution }) => spans.map(([start, stop]) => ({ start, stop, contribution })));
  places.sort((one, other) => one.start - other.start);
  for (const { start, stop, contribution } of places) {
    const word = characters.slice(start, stop).join("");
    const mark = contribution > 0 ? element("b", { class: "for" }, word) : element("u", { class: "against" }, word);
    mark.title = `${contribution > 0 ? "+" : "−"}${Math.abs(contribution).toFixed(2)}`;
    parts.push(characters.slice(end, start).join(""), mark);
    end = stop;
  }
  parts.push(characters.slice(end).join(""));
  return [
    element("p", { class: "text marked", dir: "auto" }, ...parts),
    element("p", { class: "note" }, `Bold words support ${label}, underlined words oppose it.`),
  ];
}

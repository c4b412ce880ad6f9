// A text goes to every classifier; each answers in a box of its own.

import { post } from "./api.js";
import { element } from "./dom.js";

const MOST_LABELS = 8;

export function prepareClassify(section, contestants) {
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
    const boxes = asked.map((each) => element("article", { "aria-label": each.title }, element("h3", {}, each.title)));
    answers.replaceChildren(...boxes);
    await Promise.all(asked.map((each, place) => answer(each, text, boxes[place], signal)));
    if (!signal.aborted) status.textContent = `${asked.length} answered.`;
  });
}

async function answer(contestant, text, box, signal) {
  try {
    const body = { texts: [text], models: [contestant.model], explain: true };
    const [prediction] = (await post("/v1/classify", body, signal)).data[0].predictions;
    box.append(
      element("p", { class: "answer-label" }, prediction.label),
      shares(prediction.probabilities),
      ...(prediction.words?.length ? marked(text, prediction.words) : []),
    );
  } catch (error) {
    if (error.name !== "AbortError") box.append(element("p", { class: "failed" }, error.message));
  }
}

// Every label with its probability, the most probable first.
function shares(probabilities) {
  const ranked = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
  const rows = ranked.slice(0, MOST_LABELS).map(([label, probability]) => {
    const filled = element("div");
    filled.style.width = `${probability * 100}%`;
    return element(
      "li", {},
      element("span", {}, label),
      element("span", {}, probability.toFixed(4)),
      element("div", { class: "bar" }, filled),
    );
  });
  return element("ul", { class: "shares" }, ...rows);
}

// The text with the words that moved the decision, dressed as in the report. Places count code points, as Python does.
function marked(text, words) {
  const characters = Array.from(text);
  const parts = [];
  let end = 0;
  const places = words.flatMap(({ spans, contribution }) => spans.map(([start, stop]) => ({ start, stop, contribution })));
  places.sort((one, other) => one.start - other.start);
  for (const { start, stop, contribution } of places) {
    const word = characters.slice(start, stop).join("");
    const dressed = contribution > 0 ? element("b", { class: "for" }, word) : element("u", { class: "against" }, word);
    dressed.title = `${contribution > 0 ? "+" : "−"}${Math.abs(contribution).toFixed(2)}`;
    parts.push(characters.slice(end, start).join(""), dressed);
    end = stop;
  }
  parts.push(characters.slice(end).join(""));
  return [
    element("p", { class: "text marked", dir: "auto" }, ...parts),
    element("p", { class: "note" }, "Bold words speak for this label, underlined ones against it."),
  ];
}

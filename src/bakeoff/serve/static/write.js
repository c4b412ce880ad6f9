// Sends a prompt to every language model. They generate side by side, taking turns on the machine.
// Whoever leaves the page aborts `leaving`, if there is something else to go to.

import { stream } from "./api.js";
import { count, element } from "./dom.js";

export function prepareWrite(section, contestants, leaving) {
  const form = section.querySelector("form");
  const status = section.querySelector(".status");
  const stop = section.querySelector(".stop");
  const answers = section.querySelector(".answers");
  let writing = new AbortController();

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    writing.abort();
    writing = new AbortController();
    const { signal } = writing;
    const request = {
      prompt: form.querySelector("textarea").value,
      max_tokens: form.elements.max_tokens.valueAsNumber,
      temperature: form.elements.temperature.valueAsNumber,
      seed: form.elements.seed.valueAsNumber,
      stream_options: { include_usage: true },
    };
    const asked = contestants();
    const boxes = asked.map(({ title }) => element("article", { "aria-label": title, "aria-busy": "true" }));
    answers.replaceChildren(...boxes);
    status.textContent = "Generating …";
    stop.disabled = false;
    await Promise.all(asked.map((contestant, index) => write(contestant, request, boxes[index], signal)));
    if (writing.signal !== signal) return; // a newer prompt replaced this one
    stop.disabled = true;
    status.textContent = signal.aborted ? "Stopped." : `${asked.length} finished.`;
  });
  stop.addEventListener("click", () => writing.abort());
  leaving?.addEventListener("abort", () => writing.abort());
}

async function write(contestant, request, box, signal) {
  const text = document.createTextNode("");
  const facts = element("dl", { class: "statistics" });
  box.append(
    element("h3", {}, contestant.title),
    element("p", { class: "generated", dir: "auto" }, element("span", { class: "given" }, request.prompt), text),
    facts,
  );
  const fact = (name, value) => facts.append(element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  try {
    for await (const chunk of stream("/v1/completions", { ...request, model: contestant.model }, signal)) {
      if (chunk.choices.length) text.appendData(chunk.choices[0].text);
      if (chunk.usage) {
        fact("Tokens", count(chunk.usage.completion_tokens));
        fact("Speed", `${chunk.speed.tokens_per_second.toFixed(1)} tokens/s`);
        fact("Settings", settings(request));
      }
    }
  } catch (error) {
    if (error.name === "AbortError") fact("Stopped", "by you");
    else box.append(element("p", { class: "failed" }, error.message));
  } finally {
    box.setAttribute("aria-busy", "false");
  }
}

function settings(request) {
  return request.temperature === 0 ? "greedy" : `temperature ${request.temperature}, seed ${request.seed}`;
}

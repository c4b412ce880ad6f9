// How the contestants of a file are compared: which rows are tested, what decides, how long they learn.

import { element } from "../dom.js";
import { plural } from "./words.js";

// Prepare the fields; `change` gets what somebody changes. Return how to show what is chosen.
export function prepareSettings(form, change) {
  const field = (id) => form.querySelector(`#${id}`);
  let shown = null; // epochs

  field("tested").addEventListener("change", ({ target }) => {
    const [kind, number] = target.value.split(" ");
    change({ test: null, folds: null, ...(kind ? { [kind]: Number(number) } : {}) });
  });
  field("metric").addEventListener("change", ({ target }) => change({ metric: target.value }));
  field("epochs").addEventListener("change", ({ target }) => {
    const epochs = target.value ? Number(target.value) : null;
    if (target.reportValidity() && epochs !== shown) change({ epochs });
  });
  // Enter ends the number, and does not start the bake-off.
  field("epochs").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.target.dispatchEvent(new Event("change"));
  });
  field("repeats").addEventListener("change", ({ target }) => change({ repeats: Number(target.value) }));
  field("english").addEventListener("change", ({ target }) => change({ english: target.value === "true" }));

  function show(found, choices) {
    const { metrics } = found;
    const deciding = metrics.find(({ name }) => name === found.metric);
    const classifies = found.task === "classification";
    shown = found.epochs;
    for (const id of ["tested", "metric", "english"]) field(id).closest("div").hidden = !classifies;
    field("tested").value = choices.folds ? `folds ${choices.folds}` : choices.test ? `test ${choices.test}` : "";
    field("metric").replaceChildren(...metrics.map(({ name, title }) => element("option", { value: name }, title)));
    field("metric").value = found.metric ?? "";
    form.querySelector(".meaning").textContent = deciding?.meaning ?? "";
    field("epochs").value = found.epochs ?? "";
    field("repeats").value = choices.repeats ?? 1;
    field("english").value = String(found.english ?? false);
    const words = [
      `on ${found.tested}`,
      deciding ? `by ${deciding.title}` : null,
      found.epochs ? `after ${plural(found.epochs, "pass", "passes")} over the training rows` : null,
      choices.repeats > 1 ? `${choices.repeats} trainings each` : null,
    ];
    form.querySelector(".how .summary").textContent = words.filter(Boolean).join(", ");
  }

  return { show };
}

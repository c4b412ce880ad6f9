// How the contestants of a file are compared: which rows are tested, what decides, how long they learn; and their settings.

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
  enterEnds(field("epochs"));
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
    contestants(found.lineup, choices.settings);
    form.querySelector(".how .summary").textContent = words.filter(Boolean).join(", ");
  }

  // The settings of each contestant that has some.
  function contestants(lineup, chosen) {
    const place = form.querySelector(".of-contestants");
    const focused = place.contains(document.activeElement) ? document.activeElement.id : null;
    const groups = lineup.filter(({ settings }) => settings.length).map(({ name, settings }) => element(
      "fieldset", { class: "settings-list" },
      element("legend", {}, name),
      ...settings.map((setting) => line(name, setting, chosen)),
    ));
    place.hidden = !groups.length;
    place.querySelector(".groups").replaceChildren(...groups);
    const words = lineup.flatMap(({ name }) => Object.entries(chosen[name] ?? {}).map(([key, value]) => `${name}: ${spoken(key)} ${value}`));
    place.querySelector(".summary").textContent = words.join(", ") || "as proposed";
    if (focused) document.getElementById(focused)?.focus();
  }

  function line(contestant, setting, chosen) {
    const { name, meaning, proposed, values, low, high, whole } = setting;
    const id = `set-${contestant}-${name}`;
    const now = chosen[contestant]?.[name] ?? null;
    const usual = `as proposed${proposed === null ? "" : `: ${proposed}`}`;
    const field = values
      ? element("select", { id }, element("option", { value: "" }, usual), ...values.map((each) => element("option", { value: JSON.stringify(each) }, String(each))))
      : element("input", { id, type: "number", min: low, max: high, step: whole ? 1 : "any", placeholder: usual });
    field.value = now === null ? "" : values ? JSON.stringify(now) : now;
    let asked = field.value;
    field.addEventListener("change", () => {
      if (field.value === asked || !field.reportValidity()) return; // after Enter, leaving the field is no other change
      asked = field.value;
      const { [name]: before, ...others } = chosen[contestant] ?? {};
      const value = field.value === "" ? {} : { [name]: values ? JSON.parse(field.value) : Number(field.value) };
      change({ settings: { ...chosen, [contestant]: { ...others, ...value } } });
    });
    if (!values) enterEnds(field);
    return element("div", {}, element("label", { for: id }, spoken(name)), field, element("p", {}, meaning));
  }

  return { show };
}

const spoken = (name) => name.replaceAll("_", " ");

// Enter ends the number, and does not start the bake-off. Ctrl+Enter does both.
function enterEnds(field) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    event.target.dispatchEvent(new Event("change"));
  });
}

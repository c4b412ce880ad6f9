// How the contestants of a file are compared: which rows are tested, what decides, how long they learn; and their settings.

import { element } from "../dom.js";
import { plural } from "./words.js";

// Prepare the fields; `present` returns the choices so far, and `change` gets what somebody changes. Return how to show
// what is chosen.
export function prepareSettings(form, present, change) {
  const field = (id) => form.querySelector(`#${id}`);
  let offered = ""; // the settings of contestants for which there are fields

  field("tested").addEventListener("change", ({ target }) => {
    const [kind, number] = target.value.split(" ");
    change({ test: null, folds: null, ...(kind ? { [kind]: Number(number) } : {}) });
  });
  field("metric").addEventListener("change", ({ target }) => change({ metric: target.value }));
  field("epochs").addEventListener("change", ({ target }) => {
    if (isAnother(target)) change({ epochs: target.value ? Number(target.value) : null });
  });
  enterEnds(field("epochs"));
  field("repeats").addEventListener("change", ({ target }) => change({ repeats: Number(target.value) }));
  field("english").addEventListener("change", ({ target }) => change({ english: target.value === "true" }));

  function show(found, choices) {
    const { metrics } = found;
    const deciding = metrics.find(({ name }) => name === found.metric);
    const classifies = found.task === "classification";
    for (const id of ["tested", "metric", "english"]) field(id).closest("div").hidden = !classifies;
    field("tested").value = choices.folds ? `folds ${choices.folds}` : choices.test ? `test ${choices.test}` : "";
    field("metric").replaceChildren(...metrics.map(({ name, title }) => element("option", { value: name }, title)));
    field("metric").value = found.metric ?? "";
    form.querySelector(".meaning").textContent = deciding?.meaning ?? "";
    fill(field("epochs"), found.epochs ?? "");
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

  // The settings of each contestant that has some. Where the same can be set, nobody loses the field in which they type.
  function contestants(lineup, chosen) {
    const place = form.querySelector(".of-contestants");
    const offers = lineup.filter(({ settings }) => settings.length).map(({ name, settings }) => ({ name, settings }));
    place.hidden = !offers.length;
    if (JSON.stringify(offers) !== offered) {
      offered = JSON.stringify(offers);
      replaceFields(place, offers);
    }
    for (const { name: contestant, settings } of offers) {
      for (const { name, values } of settings) {
        const value = chosen[contestant]?.[name] ?? null;
        fill(document.getElementById(`set-${contestant}-${name}`), value === null ? "" : values ? JSON.stringify(value) : value);
      }
    }
    const words = lineup.flatMap(({ name }) => Object.entries(chosen[name] ?? {}).map(([key, value]) => `${name}: ${spoken(key)} ${value}`));
    place.querySelector(".summary").textContent = words.join(", ") || "as proposed";
  }

  // Make new fields. What somebody is typing goes on in the one that takes the place of its field.
  function replaceFields(place, offers) {
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    const typed = { value: focused?.value, known: focused?.dataset.known };
    place.querySelector(".groups").replaceChildren(...offers.map(({ name, settings }) => element(
      "fieldset", { class: "settings-list" },
      element("legend", {}, name),
      ...settings.map((setting) => line(name, setting)),
    )));
    const field = focused && document.getElementById(focused.id);
    if (!field) return;
    field.value = typed.value;
    field.dataset.known = typed.known;
    field.focus();
  }

  function line(contestant, setting) {
    const { name, meaning, proposed, values, low, high, whole } = setting;
    const id = `set-${contestant}-${name}`;
    const usual = `as proposed${proposed === null ? "" : `: ${proposed}`}`;
    const field = values
      ? element("select", { id }, element("option", { value: "" }, usual), ...values.map((each) => element("option", { value: JSON.stringify(each) }, String(each))))
      : element("input", { id, type: "number", min: low, max: high, step: whole ? 1 : "any", placeholder: usual });
    field.addEventListener("change", () => {
      if (!isAnother(field)) return;
      const { settings } = present(); // not those that were shown: another one may have been changed since
      const { [name]: before, ...others } = settings[contestant] ?? {};
      const value = field.value === "" ? {} : { [name]: values ? JSON.parse(field.value) : Number(field.value) };
      change({ settings: { ...settings, [contestant]: { ...others, ...value } } });
    });
    if (!values) enterEnds(field);
    return element("div", {}, element("label", { for: id }, spoken(name)), field, element("p", {}, meaning));
  }

  return { show };
}

const spoken = (name) => name.replaceAll("_", " ");

// Give a field its value, unless somebody is typing another one.
function fill(field, value) {
  const typing = field === document.activeElement && (field.value !== field.dataset.known || field.validity.badInput);
  if (!typing) field.value = field.dataset.known = value;
}

// Return whether a field holds another valid value, which is known from then on: after Enter, leaving the field is no
// other change.
function isAnother(field) {
  if (field.value === field.dataset.known || !field.reportValidity()) return false;
  field.dataset.known = field.value;
  return true;
}

// Enter ends the number, and does not start the bake-off. Ctrl+Enter does both.
function enterEnds(field) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    event.target.dispatchEvent(new Event("change"));
  });
}

// A file: its first rows, what was found in it, and who competes on it.

import { get, post } from "../api.js";
import { count, element } from "../dom.js";
import { deleteButton } from "./delete.js";
import { prepareSettings } from "./settings.js";
import { about, bytes, plural, problemText } from "./words.js";

const MINUTES = [[1, "1 minute"], [5, "5 minutes"], [10, "10 minutes"], [30, "30 minutes"], [120, "2 hours"], [null, "as long as it takes"]];
const MOST_CLASSES = 12;

export function showFile(page) {
  page.title("Your file", "Reading …");
  const { place, id } = page;
  const path = `/v1/files/${id}`;
  const status = place.querySelector(".rows .status");
  const form = place.querySelector(".who form");
  const settings = prepareSettings(form, () => choices, change);
  let choices = {}; // what somebody decided about this file
  let good = {}; // the last ones with which something could be learned
  let forecast = { state: "none", seconds: {} };
  let disturbed = false; // by a bake-off that was running while the forecast was measured
  let fitted = true; // the ticks, to the time that was chosen
  let starting = false;
  let round = 0; // a look that was replaced by a newer one is not shown
  let looking; // the last look: a promise of whether something can be learned

  // Ask for another look, with some of the choices changed.
  function change(changes) {
    choices = { ...choices, ...changes };
    look(post(`${path}/choices`, choices));
  }

  function look(request) {
    looking = read(request);
  }

  async function read(request) {
    const own = ++round;
    page.calm();
    status.textContent = "Looking at the rows …";
    place.querySelector(".preview").setAttribute("aria-busy", "true");
    try {
      const file = await request;
      if (own !== round || page.signal.aborted) return;
      status.textContent = "";
      show(file);
      if (file.look.found) watchForecast(own);
      return Boolean(file.look.found);
    } catch (error) {
      status.textContent = "";
      if (!place.querySelector(".preview").children.length) page.title("Your file");
      page.fail(error);
    } finally {
      place.querySelector(".preview").setAttribute("aria-busy", "false");
    }
  }

  function show(file) {
    const { columns, rows, lines, found, problem } = file.look;
    choices = file.choices;
    if (found) good = choices;
    page.title(file.name, [found ? plural(found.rows, unit(found)) : null, bytes(file.size)].filter(Boolean).join(" · "));
    const chosen = {
      text: found?.text ?? (choices.text.length ? choices.text : chosenText()),
      label: found?.label ?? choices.label ?? chosenLabel(),
    };
    preview(columns, rows, chosen, lines);
    place.querySelector("#rows-title").hidden = !columns.length;
    place.querySelector("#rows-title").textContent = lines ? "The first lines" : "The first rows";
    place.querySelector(".choose").hidden = !columns.length || lines;
    place.querySelector(".wrong").replaceChildren(...(problem ? [element("p", { class: "problem", role: "alert" }, problemText(problem)), element("p", { class: "ways" }, ...undo(), element("a", { href: "#/" }, "Choose another file"))] : []));
    place.querySelector(".end").replaceChildren(deleteButton(page, "files", id, file.name, () => (location.hash = "#/"), "Delete this file"));
    for (const name of ["found", "who"]) place.querySelector(`.${name}`).hidden = !found;
    if (found) {
      facts(place.querySelector(".found"), found);
      lineup(found.lineup);
      settings.show(found, choices);
    }
  }

  // A button that takes back what cannot be learned from, if it was somebody's choice.
  function undo() {
    const decided = (each) => JSON.stringify(Object.entries(each).filter(([, value]) => !["null", "[]", "{}"].includes(JSON.stringify(value))));
    if (decided(good) === decided(choices)) return [];
    const button = element("button", { type: "button", class: "link" }, "Undo");
    button.addEventListener("click", () => look(post(`${path}/choices`, (choices = good))));
    return [button];
  }

  // What the buttons above the columns say, where nothing could be found and nobody has chosen.
  const chosenText = () => pressed("Text");
  // Several columns that are a label each are found again, not chosen.
  const chosenLabel = () => (pressed("Label").length === 1 ? pressed("Label")[0] : null);
  const pressed = (role) => [...place.querySelectorAll(`.roles [data-role="${role}"][aria-pressed="true"]`)].map((each) => each.dataset.column);

  function preview(columns, rows, chosen, lines) {
    const labels = [chosen.label ?? []].flat();
    const focused = document.activeElement?.getAttribute("aria-label");
    const head = columns.map((column) => {
      const roles = lines ? [] : ["Text", "Label"].map((role) => {
        const on = role === "Text" ? chosen.text.includes(column) : labels.includes(column);
        const button = element(
          "button",
          { type: "button", "aria-pressed": on, "aria-label": `${role}: ${column}`, "data-role": role, "data-column": column },
          role,
        );
        button.addEventListener("click", () => choose(role, column, on));
        return button;
      });
      const used = chosen.text.includes(column) ? "text" : labels.includes(column) ? "label" : "";
      return element("th", { scope: "col", class: `words ${used}` }, element("span", {}, column), element("span", { class: "roles" }, ...roles));
    });
    const body = rows.map((row) => element(
      "tr", {},
      ...row.map((cell, index) => element("td", { class: `words ${chosen.text.includes(columns[index]) ? "text" : labels.includes(columns[index]) ? "label" : ""}`, dir: "auto" }, cell)),
    ));
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
    const region = element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "The first rows of the file" }, table);
    place.querySelector(".preview").replaceChildren(...(columns.length ? [region] : []));
    if (focused) place.querySelector(`.roles [aria-label="${CSS.escape(focused)}"]`)?.focus();
  }

  function choose(role, column, on) {
    let text = chosenText();
    let label = chosenLabel();
    if (role === "Text") {
      text = on ? text.filter((each) => each !== column) : [...text, column];
      if (label === column) label = null;
    } else {
      label = on ? null : column;
      text = text.filter((each) => each !== column);
    }
    for (const button of place.querySelectorAll(".roles button")) {
      const { role: kind, column: name } = button.dataset;
      button.setAttribute("aria-pressed", kind === "Text" ? text.includes(name) : label === name);
    }
    change({ text, label, metric: null, settings: {} }); // others may be offered for other columns
  }

  function lineup(offered) {
    const left = boxes().filter((box) => !box.checked).map((box) => box.value);
    const time = form.elements.minutes?.value ?? "";
    place.querySelector(".choices").replaceChildren(...MINUTES.map(([minutes, words]) => {
      const input = element("input", { type: "radio", name: "minutes", value: minutes ?? "" });
      input.checked = input.value === time;
      input.addEventListener("change", () => fit());
      return element("label", {}, input, element("span", {}, words));
    }));
    place.querySelector(".contestants ul").replaceChildren(...offered.map(({ name, reason }) => {
      const box = element("input", { type: "checkbox", name: "contestant", value: name });
      box.checked = !left.includes(name);
      box.addEventListener("change", () => {
        page.calm(); // what was said of the contestants that were ticked before
        sum();
      });
      return element(
        "li", {},
        element("label", {}, box, element("b", {}, name), element("span", { class: "reason" }, reason)),
        element("span", { class: "seconds", "data-name": name }),
      );
    }));
    sum();
  }

  async function watchForecast(own) {
    disturbed = false;
    await page.every(1.5, async () => {
      if (own !== round) return false;
      const now = await get(`${path}/forecast`);
      if (now.state === "measuring") disturbed ||= (await get("/v1/bakeoffs")).data.some(({ state }) => state === "running");
      if (own !== round) return false;
      const others = JSON.stringify(now.seconds) !== JSON.stringify(forecast.seconds);
      forecast = now;
      showForecast();
      // The time may have been chosen before a change or during it. Where the times are the same, the ticks are somebody's choice.
      if (now.state === "ready" && (others || !fitted) && form.elements.minutes.value) fit();
      return forecast.state === "measuring";
    });
  }

  function showForecast() {
    const says = place.querySelector(".measuring");
    const sentences = {
      measuring: "Each contestant is tried for a moment on this machine, to tell how long it will take …",
      ready: ["How long each takes was measured on this machine.", ...forecast.warnings ?? []].join(" "),
      failed: forecast.problem ? `No forecast: ${problemText(forecast.problem)}` : "",
      none: "No forecast was made.",
    };
    says.textContent = sentences[forecast.state];
    if (disturbed && forecast.state !== "none") says.append(" A bake-off was running meanwhile, so they may be faster than that.");
    if (["failed", "none"].includes(forecast.state)) {
      const again = element("button", { type: "button", class: "link" }, "Measure again");
      again.addEventListener("click", async () => {
        await post(`${path}/forecast`, {}).catch(page.fail);
        watchForecast(round);
      });
      says.append(" ", again);
    }
    for (const input of form.querySelectorAll("[name=minutes]")) input.disabled = forecast.state !== "ready" && input.value !== "";
    for (const cell of form.querySelectorAll(".seconds")) {
      const seconds = forecast.seconds[cell.dataset.name];
      cell.textContent = seconds === undefined ? "" : about(seconds);
    }
    sum();
  }

  // Choose the contestants that are within the time. As long as nobody knows who is, as during a look, the ticks stay.
  async function fit() {
    const minutes = form.elements.minutes.value;
    fitted = false;
    try {
      const chosen = minutes ? (await get(`${path}/forecast?minutes=${minutes}`)).chosen : boxes().map((box) => box.value);
      fitted = chosen !== null;
      if (fitted) for (const box of boxes()) box.checked = chosen.includes(box.value);
      sum();
    } catch (error) {
      page.fail(error);
    }
  }

  const boxes = () => [...form.querySelectorAll("[name=contestant]")];
  const ticked = () => boxes().filter((box) => box.checked).map((box) => box.value);

  function sum() {
    if (starting) return; // the button stays disabled: a second click would start it twice
    const names = ticked();
    const total = names.reduce((seconds, name) => seconds + (forecast.seconds[name] ?? 0), forecast.reading_seconds ?? 0);
    const words = names.length ? plural(names.length, "contestant") : "Choose at least one contestant";
    place.querySelector(".total").textContent = names.length && forecast.state === "ready" ? `${words}, ${about(total)}` : words;
    form.querySelector("[type=submit]").disabled = !names.length;
    showSpec();
  }

  // Show the config, if it is unfolded.
  const spec = place.querySelector(".spec");
  let asked = "";
  async function showSpec() {
    const names = ticked();
    const own = JSON.stringify([names, choices]);
    if (!spec.open || !names.length || own === asked) return;
    asked = own;
    try {
      const { yaml } = await get(`${path}/config?${new URLSearchParams(names.map((name) => ["contestant", name]))}`);
      if (own === asked) spec.querySelector("code").textContent = yaml;
    } catch (error) {
      page.fail(error);
    }
  }
  spec.addEventListener("toggle", () => {
    asked = ""; // again, if there was no answer
    showSpec();
  });

  // Wait for the last look, and take another one if it failed. Return whether something can be learned.
  async function settled() {
    if (!(await looking) && !page.signal.aborted) look(post(`${path}/choices`, choices));
    return looking;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    starting = button.disabled = true;
    place.querySelector(".total").textContent = "Starting …";
    try {
      if (await settled()) {
        const bakeoff = await post("/v1/bakeoffs", { file: id, contestants: ticked() });
        location.hash = `#/bakeoffs/${bakeoff.id}`;
        return;
      }
    } catch (error) {
      page.fail(error);
    }
    if (page.signal.aborted) return;
    starting = false;
    sum();
  });

  look(get(path));
}

// What a file holds: rows with a label, or texts.
function unit(found) {
  return found.task === "classification" ? "row" : "text";
}

function facts(section, found) {
  const { lengths } = found;
  const skipped = Object.values(found.skipped).reduce((sum, each) => sum + each, 0);
  const rows = [
    [found.task === "classification" ? "Rows" : "Texts", `${count(found.rows)}${skipped ? `, ${count(skipped)} of them not used` : ""}`],
    ["Read as", found.read_as],
    ["Text", found.text.join(", ")],
    ["Label", [found.label ?? []].flat().join(", ")],
    ["Tested on", found.tested],
    [`Length in ${lengths.units}`, `${count(lengths.median)} (median), ${count(lengths.longest)} (longest)`],
    ["The same text twice", plural(found.duplicate_texts, unit(found))],
    ["Nearly the same", plural(found.near_duplicate_texts, unit(found))],
  ];
  section.querySelector(".facts").replaceChildren(
    ...rows.filter(([, value]) => value).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", { dir: "auto" }, value))),
  );
  section.querySelector(".classes").replaceChildren(...(Object.keys(found.classes).length ? bars(found, found.rows - skipped) : []));
  const copies = found.duplicate_texts + found.near_duplicate_texts > 0 && !found.split
    ? ["Texts that are the same or nearly the same are kept on one side of the split, so that no contestant is tested on what it has seen."]
    : [];
  const skips = Object.entries(found.skipped).map(([reason, number]) => `${plural(number, "row")} not used: ${reason}.`);
  section.querySelector(".notes").replaceChildren(...[...skips, ...copies, ...found.notes].map((note) => element("li", {}, note)));
}

// The classes or labels, each with its share of the rows that are used.
function bars({ classes, label, multilabel }, used) {
  const all = Object.entries(classes).sort(([, first], [, second]) => second - first); // an object puts numbers first, in their order
  const most = all[0][1];
  const lines = all.slice(0, MOST_CLASSES).map(([name, rows]) => {
    const bar = element("div");
    bar.style.width = `${(100 * rows) / most}%`;
    return element(
      "li", {},
      element("span", { dir: "auto" }, name),
      element("span", {}, `${count(rows)} · ${((100 * rows) / used).toFixed(1)}%`),
      element("div", { class: "bar" }, bar),
    );
  });
  const rest = all.length > MOST_CLASSES ? [element("p", { class: "note" }, `and ${count(all.length - MOST_CLASSES)} more`)] : [];
  const title = multilabel ? `${count(all.length)} labels, of which a text can have several` : `${count(all.length)} classes in ${label}`;
  return [element("h3", {}, title), element("ul", { class: "shares" }, ...lines), ...rest];
}

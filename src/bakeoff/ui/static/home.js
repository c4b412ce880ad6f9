// The first view: drop a file or paste rows; the bake-offs and files so far.

import { get, upload } from "../api.js";
import { element } from "../dom.js";
import { bytes, stateOf } from "./words.js";

export function showHome(page) {
  page.title("Which method is best on your texts?");
  const { place } = page;
  const zone = place.querySelector(".drop");
  const status = zone.querySelector(".status");
  const input = place.querySelector("#file");

  async function send(file, name) {
    status.textContent = `Reading ${name} …`;
    try {
      const { id } = await upload(`/v1/files?name=${encodeURIComponent(name)}`, file);
      location.hash = `#/files/${id}`;
    } catch (error) {
      status.textContent = "";
      page.fail(error);
    } finally {
      input.value = ""; // the same file can be chosen again
    }
  }

  place.querySelector(".choose-file").addEventListener("click", () => input.click());
  input.addEventListener("change", () => input.files.length && send(input.files[0], input.files[0].name));
  zone.addEventListener("dragover", () => zone.classList.add("over"));
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    zone.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) send(file, file.name);
  });
  place.querySelector(".paste form").addEventListener("submit", (event) => {
    event.preventDefault();
    send(new Blob([place.querySelector("#pasted").value]), "pasted rows.csv");
  });

  page.every(2, async () => {
    const [bakeoffs, files] = await Promise.all([get("/v1/bakeoffs"), get("/v1/files")]);
    list(place.querySelector(".bakeoffs"), bakeoffs.data.reverse().map(card));
    list(place.querySelector(".files"), files.data.reverse().map(fileLine));
    return bakeoffs.data.some(({ state }) => ["waiting", "running", "stopping"].includes(state));
  });
}

function list(section, items) {
  const place = section.querySelector("ul");
  const focused = document.activeElement?.getAttribute("href");
  place.replaceChildren(...items);
  section.hidden = !items.length;
  if (focused) place.querySelector(`a[href="${focused}"]`)?.focus();
}

function card(bakeoff) {
  const verdict = bakeoff.state === "finished" ? bakeoff.run?.summary[0] : null;
  return element(
    "li", {},
    element("a", { href: `#/bakeoffs/${bakeoff.id}` }, bakeoff.name),
    element("p", { class: bakeoff.state === "running" ? "live" : "note" }, stateOf(bakeoff)),
    verdict ? element("p", { class: "verdict" }, verdict) : null,
  );
}

function fileLine(file) {
  const day = new Date(file.created * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return element(
    "li", {},
    element("a", { href: `#/files/${file.id}` }, file.name),
    element("span", { class: "note" }, `${bytes(file.size)} · ${day}`),
  );
}

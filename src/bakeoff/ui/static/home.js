// The first view: drop a file or paste rows; the bake-offs and files so far.

import { get, upload } from "../api.js";
import { count, element } from "../dom.js";
import { deleteButton } from "./delete.js";
import { bytes, stateOf } from "./words.js";

const ACTIVE = ["waiting", "running", "stopping"];

export function showHome(page) {
  page.title("Which method is best on your texts?");
  const { place, signal } = page;
  const zone = place.querySelector(".drop");
  const status = zone.querySelector(".status");
  const input = place.querySelector("#file");
  let largest = Infinity;

  async function send(file, name) {
    page.calm();
    if (file.size > largest) {
      page.fail(new Error(`${name} has ${bytes(file.size)}, and this page takes up to ${bytes(largest)}.\nTake a part of it, or use the command line, which has no such limit.`));
      return;
    }
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

  function dropped({ files, items }) {
    const [file] = files;
    if (items[0]?.webkitGetAsEntry?.()?.isDirectory) page.fail(new Error("That is a folder. Drop one of the files in it."));
    else if (files.length > 1) page.fail(new Error(`Those are ${files.length} files. Drop one: put the rows of all into one table first.`));
    else if (file) send(file, file.name);
  }

  place.querySelector(".choose-file").addEventListener("click", () => input.click());
  input.addEventListener("change", () => input.files.length && send(input.files[0], input.files[0].name));
  // Anywhere on the page will do.
  addEventListener("dragover", () => zone.classList.add("over"), { signal });
  addEventListener("dragleave", (event) => event.relatedTarget ?? zone.classList.remove("over"), { signal });
  addEventListener("drop", (event) => {
    zone.classList.remove("over");
    dropped(event.dataTransfer);
  }, { signal });
  place.querySelector(".paste form").addEventListener("submit", (event) => {
    event.preventDefault();
    send(new Blob([place.querySelector("#pasted").value]), "pasted rows.csv");
  });

  async function refresh() {
    const [bakeoffs, files] = await Promise.all([get("/v1/bakeoffs"), get("/v1/files")]);
    if (signal.aborted) return false;
    largest = files.largest_bytes;
    place.querySelector(".limits").textContent = ` Up to ${bytes(largest)} and ${count(files.most_rows)} rows.`;
    const again = () => {
      document.getElementById("title").focus();
      refresh().catch(page.fail);
    };
    list(place.querySelector(".bakeoffs"), bakeoffs.data.reverse().map((each) => card(page, each, again)));
    list(place.querySelector(".files"), files.data.reverse().map((each) => fileLine(page, each, again)));
    return bakeoffs.data.some(({ state }) => ACTIVE.includes(state));
  }

  page.every(2, refresh);
}

function list(section, items) {
  const place = section.querySelector("ul");
  const focused = place.contains(document.activeElement) ? document.activeElement.id : null;
  place.replaceChildren(...items);
  section.hidden = !items.length;
  if (focused) document.getElementById(focused)?.focus();
}

function card(page, bakeoff, deleted) {
  const { id, name, state } = bakeoff;
  const verdict = state === "finished" ? bakeoff.run?.summary[0] : null;
  return element(
    "li", {},
    element("a", { href: `#/bakeoffs/${id}`, id: `bakeoff-${id}` }, name),
    element("p", { class: state === "running" ? "live" : "note" }, verdict ? dayOf(bakeoff) : `${stateOf(bakeoff)} · ${dayOf(bakeoff)}`),
    verdict ? element("p", { class: "verdict" }, verdict) : null,
    ["running", "stopping"].includes(state) ? null : deleteButton(page, "bakeoffs", id, `bake-off ${id}, ${name}`, deleted),
  );
}

function fileLine(page, file, deleted) {
  return element(
    "li", {},
    element("a", { href: `#/files/${file.id}`, id: `file-${file.id}` }, file.name),
    element("span", { class: "note" }, `${bytes(file.size)} · ${dayOf(file)}`),
    deleteButton(page, "files", file.id, file.name, deleted),
  );
}

function dayOf({ created }) {
  return new Date(created * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

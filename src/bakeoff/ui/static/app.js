// The page: shows the view that the address names, and asks for the token if the server has one.
//   #/            drop a file, and all bake-offs
//   #/files/1     what is in a file, and who competes
//   #/bakeoffs/1  a bake-off: its progress, its verdict, its contestants

import { TokenNeeded } from "../api.js";
import { tokenForm } from "../page.js";
import { showBakeoff } from "./bakeoff.js";
import { showHome } from "./home.js";
import { showFile } from "./look.js";

const VIEWS = { "": ["home", showHome], files: ["look", showFile], bakeoffs: ["bakeoff", showBakeoff] };

const place = document.getElementById("view");
const problem = document.getElementById("problem");
const signIn = tokenForm(problem, () => show(true));
let leaving = new AbortController();

// Show the view of the address. `page` is what a view may do with the rest of the page.
function show(focus) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [, kind = "", id = ""] = location.hash.split("/");
  const [template, view] = VIEWS[kind] ?? VIEWS[""];
  place.replaceChildren(document.getElementById(template).content.cloneNode(true));
  problem.hidden = signIn.hidden = true;
  const page = { place, signal, id, title, fail, calm, every };
  view(page);
  if (focus) document.getElementById("title").focus();
  scrollTo(0, 0);

  function title(text, meta = "") {
    document.getElementById("title").textContent = text;
    document.getElementById("meta").textContent = meta;
    document.title = kind ? `${text} · bakeoff` : "bakeoff";
  }

  function fail(error) {
    if (signal.aborted || error.name === "AbortError") return;
    signIn.hidden = !(error instanceof TokenNeeded);
    problem.textContent = error.message;
    problem.hidden = !error.message;
  }

  // Take back what was said of an earlier action.
  function calm() {
    problem.hidden = true;
  }

  // Do something now and again until it returns false. A page in the background does nothing.
  async function every(seconds, work) {
    let failed = false;
    while (!signal.aborted) {
      let pause = seconds;
      try {
        if (!document.hidden) {
          const goesOn = (await work()) !== false;
          if (failed && !signal.aborted) problem.hidden = true; // of another action stays
          failed = false;
          if (!goesOn) return;
        }
      } catch (error) {
        fail(error);
        failed = true;
        if (error instanceof TokenNeeded) return;
        pause = 5 * seconds;
      }
      await new Promise((resolve) => setTimeout(resolve, pause * 1000));
    }
  }
}

addEventListener("hashchange", () => {
  if (location.hash === "" || location.hash.startsWith("#/")) show(true);
});

// A file that misses the field for it is not opened in place of the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());

show(false);

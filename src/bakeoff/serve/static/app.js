// The page: what is served, looked at again while something still trains.

import { TokenNeeded, get, useToken } from "./api.js";
import { prepareClassify } from "./classify.js";
import { showRuns } from "./runs.js";
import { prepareWrite } from "./write.js";

const SECONDS = 2; // between looks at a run in the making

const tokenForm = document.getElementById("token");
const problem = document.getElementById("problem");
let runs = [];

// The contestants that can be asked, with the name that they go by here.
function contestants(task) {
  const several = runs.filter((run) => run.task === task).length > 1;
  return runs
    .filter((run) => run.task === task)
    .flatMap((run) => run.contestants.map((each) => ({ ...each, title: several ? `${run.name}/${each.name}` : each.name })))
    .filter((each) => each.model !== null);
}

function showSection(id, models) {
  const shown = models.length > 0;
  document.getElementById(id).hidden = !shown;
  document.querySelector(`nav a[href="#${id}"]`).hidden = !shown;
}

function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

async function look() {
  try {
    runs = (await get("/v1/runs")).data;
    const watched = runs.filter((run) => !run.finished);
    const progress = await Promise.all(watched.map((run) => get(`/v1/runs/${encodeURIComponent(run.name)}`)));
    const curves = new Map(progress.map((each) => [each.run.name, each.curves]));
    const classifiers = contestants("classification");
    const writers = contestants("language-model");
    showSection("classify", classifiers);
    showSection("write", writers);
    showRuns(document.querySelector("#runs .list"), runs, curves);
    const asked = [
      classifiers.length ? plural(classifiers.length, "classifier") : null,
      writers.length ? plural(writers.length, "language model") : null,
    ].filter((part) => part !== null);
    document.getElementById("summary").textContent =
      `${asked.join(" and ") || "No contestant has finished yet"} · ${plural(runs.length, "run")}`;
    tokenForm.hidden = true;
    tell("");
    if (watched.length) setTimeout(lookIfSeen, SECONDS * 1000);
  } catch (error) {
    if (error instanceof TokenNeeded) {
      tokenForm.hidden = false;
      tell(error.message);
    } else {
      tell(error.message);
      setTimeout(lookIfSeen, 5 * SECONDS * 1000);
    }
  }
}

// A page in the background asks nothing.
function lookIfSeen() {
  if (document.hidden) document.addEventListener("visibilitychange", look, { once: true });
  else look();
}

function tell(message) {
  problem.textContent = message;
  problem.hidden = !message;
}

tokenForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await useToken(document.getElementById("token-value").value);
    await look();
  } catch (error) {
    tell(error.message);
  }
});

// Ctrl+Enter sends what is being typed.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) event.target.form.requestSubmit();
});

prepareClassify(document.getElementById("classify"), () => contestants("classification"));
prepareWrite(document.getElementById("write"), () => contestants("language-model"));
look();

// The page: shows the runs, and refreshes them until all have a report.

import { TokenNeeded, get } from "./api.js";
import { prepareClassify, showColumns } from "./classify.js";
import { tokenForm } from "./page.js";
import { showRuns } from "./runs.js";
import { prepareWrite } from "./write.js";

const SECONDS = 2; // between refreshes while a run is training

const problem = document.getElementById("problem");
const signIn = tokenForm(problem, refresh);
let runs = [];

// Return the finished contestants of a task, with the title that the page shows.
function contestants(task) {
  const several = runs.filter((run) => run.task === task).length > 1;
  return runs
    .filter((run) => run.task === task)
    .flatMap((run) => run.contestants.map((contestant) => ({ ...contestant, title: several ? `${run.name}/${contestant.name}` : contestant.name })))
    .filter((contestant) => contestant.model !== null);
}

function showSection(id, models) {
  const shown = models.length > 0;
  document.getElementById(id).hidden = !shown;
  document.querySelector(`nav a[href="#${id}"]`).hidden = !shown;
}

function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

async function refresh() {
  try {
    runs = (await get("/v1/runs")).data;
    const watched = runs.filter((run) => !run.finished);
    const progress = await Promise.all(watched.map((run) => get(`/v1/runs/${encodeURIComponent(run.name)}`)));
    const curves = new Map(progress.map(({ run, curves }) => [run.name, curves]));
    const classifiers = contestants("classification");
    const writers = contestants("language-model");
    showSection("classify", classifiers);
    showColumns(document.getElementById("classify"), classifiers);
    showSection("write", writers);
    showRuns(document.querySelector("#runs .list"), runs, curves);
    const parts = [
      classifiers.length ? plural(classifiers.length, "classifier") : null,
      writers.length ? plural(writers.length, "language model") : null,
    ].filter((part) => part !== null);
    document.getElementById("summary").textContent =
      `${parts.join(" and ") || "No contestant has finished yet"} · ${plural(runs.length, "run")}`;
    signIn.hidden = true;
    showProblem("");
    const changes = runs.some((run) => !run.finished || !run.report); // the report follows the verdict by seconds
    if (changes) setTimeout(refreshIfVisible, SECONDS * 1000);
  } catch (error) {
    if (error instanceof TokenNeeded) {
      signIn.hidden = false;
      showProblem(error.message);
    } else {
      showProblem(error.message);
      setTimeout(refreshIfVisible, 5 * SECONDS * 1000);
    }
  }
}

// A page in the background sends no requests.
function refreshIfVisible() {
  if (document.hidden) document.addEventListener("visibilitychange", refresh, { once: true });
  else refresh();
}

function showProblem(message) {
  problem.textContent = message;
  problem.hidden = !message;
}

prepareClassify(document.getElementById("classify"), () => contestants("classification"));
prepareWrite(document.getElementById("write"), () => contestants("language-model"));
refresh();

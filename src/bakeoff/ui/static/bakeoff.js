// A bake-off: its progress, then its verdict; its contestants answer questions, and can be downloaded.

import { get, post } from "../api.js";
import { prepareClassify, showColumns } from "../classify.js";
import { duration, element } from "../dom.js";
import { charts, table, verdict } from "../runs.js";
import { prepareWrite } from "../write.js";
import { deleteButton } from "./delete.js";
import { about, problemText, stateOf } from "./words.js";

const ACTIVE = ["waiting", "running", "stopping"];

export function showBakeoff(page) {
  page.title("Your bake-off", "Loading …");
  const { place, id } = page;
  const path = `/v1/bakeoffs/${id}`;
  let contestants = [];
  let shown = "";

  let watching = false;

  // Refresh until nothing more will change.
  async function watch() {
    if (watching) return;
    watching = true;
    await page.every(1, refresh);
    watching = false;
  }

  async function refresh() {
    const bakeoff = await get(path);
    if (page.signal.aborted) return false;
    show(bakeoff);
    return ACTIVE.includes(bakeoff.state);
  }

  function show(bakeoff) {
    const { state } = bakeoff;
    const run = bakeoff.run && { ...bakeoff.run, contestants: bakeoff.run.contestants.map((each) => halted(each, state)) };
    const day = new Date(bakeoff.created * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    page.title(bakeoff.name, `Bake-off ${bakeoff.id} · ${day}`);
    now(bakeoff);
    const same = JSON.stringify({ ...bakeoff, seconds: null });
    if (same === shown) return; // what somebody reads or has focused stays where it is
    shown = same;
    contestants = (run?.contestants ?? []).filter(({ model }) => model !== null).map((each) => ({ ...each, title: each.name }));
    place.querySelector(".wrong").replaceChildren(...(bakeoff.problem ? [element("p", { class: "problem" }, problemText(bakeoff.problem))] : []));
    actions(bakeoff);
    results({ ...bakeoff, run });
    for (const [name, task] of [["classify", "classification"], ["write", "language-model"]]) {
      place.querySelector(`.${name}`).hidden = run?.task !== task || !contestants.length;
    }
    showColumns(place.querySelector(".classify"), contestants);
    keep(bakeoff);
    const running = ["running", "stopping"].includes(state);
    const focused = document.activeElement?.classList.contains("delete");
    const button = running ? [] : [deleteButton(page, "bakeoffs", id, `bake-off ${id}`, () => (location.hash = "#/"), "Delete this bake-off")];
    place.querySelector(".end").replaceChildren(...button);
    if (focused) button[0]?.focus();
  }

  function now(bakeoff) {
    const headline = place.querySelector(".now");
    const words = bakeoff.state === "finished" ? bakeoff.run.summary[0] : `${stateOf(bakeoff)}.`;
    if (headline.textContent !== words) headline.textContent = words; // a screen reader says what changes
    const working = place.querySelector(".working");
    working.hidden = bakeoff.seconds === null;
    if (working.hidden) return;
    const total = Object.values(bakeoff.forecast).reduce((sum, each) => sum + each, 0);
    const share = Math.max(bakeoff.share, total ? Math.min(bakeoff.seconds / total, 0.95) : 0);
    working.querySelector("progress").value = share;
    working.querySelector(".elapsed").textContent = `${duration(Math.floor(bakeoff.seconds)).replace(".0 s", " s")} so far${total ? `, ${about(total)} in all` : ""}. You can close this page: it goes on.`;
  }

  function actions({ state, can_resume: resumable, run, file }) {
    const row = place.querySelector(".actions");
    const focused = document.activeElement;
    const stop = place.querySelector(".state .stop");
    stop.hidden = !ACTIVE.includes(state);
    stop.textContent = state === "stopping" ? "Stop now" : "Stop"; // a second time, it does not end its step
    place.querySelector(".resume").hidden = !resumable;
    const report = place.querySelector(".report");
    report.hidden = !run?.report || state !== "finished";
    if (!report.hidden) report.href = run.report;
    const again = place.querySelector(".again");
    again.hidden = file === null || ACTIVE.includes(state);
    again.href = `#/files/${file}`;
    if (row.contains(focused) && focused.hidden) row.querySelector(":not([hidden])")?.focus();
  }

  function results({ run, curves, state }) {
    const section = place.querySelector(".results");
    section.hidden = !run;
    if (!run) return;
    const why = place.querySelector(".why");
    const unfolded = why.querySelector("details")?.open;
    const focused = document.activeElement?.id;
    const byContestant = new Map(curves.map((curve) => [curve.contestant, curve]));
    section.querySelector(".list").replaceChildren(table(run, byContestant), ...(curves.length && state !== "finished" ? [charts(run, curves)] : []));
    why.replaceChildren(...(state === "finished" ? verdict(run).slice(1).filter((each) => each !== null) : []));
    if (unfolded) why.querySelector("details").open = true;
    if (focused) document.getElementById(focused)?.focus();
  }

  function keep({ state, winner, command, run }) {
    place.querySelector(".keep").hidden = ACTIVE.includes(state);
    const line = place.querySelector(".keep .winner");
    line.hidden = winner === null;
    line.querySelector("a").href = `/runs/${id}/winner.zip`;
    line.querySelector("span").textContent = `${winner}.zip: unpack it for ${run?.task === "language-model" ? "bakeoff.load_language_model" : "bakeoff.load_classifier"}`;
    place.querySelector(".config").href = `/runs/${id}/bakeoff.yaml`;
    place.querySelector(".repeat code").textContent = command;
  }

  for (const action of ["stop", "resume"]) {
    let asked = false; // a button that is disabled would lose the focus
    place.querySelector(`.state .${action}`).addEventListener("click", async () => {
      if (asked) return;
      asked = true;
      try {
        await post(`${path}/${action}`, {});
        await refresh();
        watch();
      } catch (error) {
        page.fail(error);
      } finally {
        asked = false;
      }
    });
  }
  place.querySelector(".copy").addEventListener("click", async (event) => {
    await navigator.clipboard.writeText(place.querySelector(".repeat code").textContent);
    event.target.textContent = "Copied";
  });
  prepareClassify(place.querySelector(".classify"), () => contestants, page.signal);
  prepareWrite(place.querySelector(".write"), () => contestants, page.signal);
  watch();
}

// A contestant that had begun when its bake-off was stopped does not train any more.
function halted(contestant, state) {
  return contestant.state === "training" && !ACTIVE.includes(state) ? { ...contestant, state: "stopped" } : contestant;
}

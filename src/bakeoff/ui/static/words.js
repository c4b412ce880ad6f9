// Numbers and states in words.

import { count, duration } from "../dom.js";

export function plural(number, word, words = `${word}s`) {
  return `${count(number)} ${number === 1 ? word : words}`;
}

export function bytes(size) {
  const power = size < 1000 ? 0 : Math.min(Math.floor(Math.log10(size) / 3), 3);
  const value = size / 1000 ** power;
  return `${power && value < 10 ? value.toFixed(1) : Math.round(value)} ${["bytes", "kB", "MB", "GB"][power]}`;
}

// Times of a forecast are not exact to the second.
export function about(seconds) {
  if (seconds < 1) return "under a second";
  return `about ${duration(seconds < 60 ? Math.ceil(seconds) : 5 * Math.ceil(seconds / 5))}`.replace(".0 s", " s");
}

// The state of a bake-off as a sentence without its end.
export function stateOf({ state, current, run, contestants, ahead }) {
  const ended = run ? run.contestants.filter((each) => ["finished", "failed"].includes(each.state)).length : 0;
  const progress = `${ended} of ${plural(contestants.length, "contestant")} finished`;
  switch (state) {
    case "waiting":
      return ahead ? `Waiting for its turn, after ${plural(ahead, "other")}: two at once would slow each other down` : "Starting in a moment";
    case "running":
      if (!run) return "Reading the data";
      return current ? `Training ${current}, ${progress}` : "Writing the report";
    case "stopping":
      return "Stopping after this step";
    case "stopped":
      return `Stopped, ${progress}`;
    case "failed":
      return "It could not go on";
    default:
      return "Finished";
  }
}

// Show a problem of a file or a bake-off, or nothing.
export function problemText(problem) {
  return problem.hint ? `${problem.message}\n${problem.hint}` : problem.message;
}

// What the pages of `bakeoff serve` and `bakeoff ui` share: the form that asks for the token, and Ctrl+Enter.

import { useToken } from "./api.js";
import { element } from "./dom.js";

// Put the form, hidden until it is needed, below the place of problems, and return it. `signedIn` goes on after it.
export function tokenForm(problem, signedIn) {
  const input = element("input", { id: "token-value", type: "password", autocomplete: "off", required: "" });
  const form = element(
    "form", { id: "token", class: "ask", hidden: "" },
    element("label", { for: "token-value" }, "This server requires a token"),
    element("div", { class: "row" }, input, element("button", { type: "submit" }, "Sign in")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await useToken(input.value);
      await signedIn();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
  });
  problem.after(form);
  return form;
}

// Ctrl+Enter submits the form, unless its button is disabled.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) event.target.form.querySelector("[type=submit]").click();
});

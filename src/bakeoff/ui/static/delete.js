// Delete a file or a bake-off, after asking.

import { remove } from "../api.js";
import { element } from "../dom.js";

const WORDS = {
  files: "What was uploaded is deleted from this machine. Bake-offs on it stay, but cannot be resumed or repeated.",
  bakeoffs: "Its contestants, its report and its curves are deleted from this machine. The file that it learned from stays.",
};

// Return a button that deletes a file or a bake-off called `name`, and then does something.
export function deleteButton(page, kind, id, name, deleted, words = "Delete") {
  const button = element("button", { type: "button", class: "link delete", "aria-label": `Delete ${name}`, id: `delete-${kind}-${id}` }, words);
  button.addEventListener("click", async () => {
    page.calm();
    if (!(await agreed(`Delete ${name}?`, WORDS[kind]))) return;
    try {
      await remove(`/v1/${kind}/${id}`);
      deleted();
    } catch (error) {
      page.fail(error);
    }
  });
  return button;
}

// Ask, and return whether the answer is to delete. Escape is a no.
function agreed(question, consequences) {
  const yes = element("button", { type: "button", class: "danger" }, "Delete");
  const no = element("button", { type: "button", class: "quiet-button", autofocus: "" }, "Keep");
  const dialog = element(
    "dialog", { "aria-labelledby": "question", "aria-describedby": "consequences" },
    element("h2", { id: "question" }, question),
    element("p", { id: "consequences" }, consequences),
    element("div", { class: "row" }, yes, no),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    yes.addEventListener("click", () => dialog.close("yes"));
    no.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}

"use strict";
// Adds the buttons that save plots and copy texts: where no script may run, there are none.

// Files get the light colors, which are the first rule of the page, in dark mode too.
const light = document.styleSheets[0].cssRules[0].style;
const DOTS = 300 / 72; // a PNG has 300 dots per inch, and a plot 72 units

function button(label, name, action) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = label;
  element.setAttribute("aria-label", `${label}: ${name}`);
  element.addEventListener("click", () => action(element));
  return element;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function standalone(plot) {
  const copy = plot.cloneNode(true);
  const { width, height } = plot.viewBox.baseVal;
  copy.removeAttribute("class");
  copy.setAttribute("width", `${width}pt`);
  copy.setAttribute("height", `${height}pt`);
  copy.setAttribute("font-family", light.getPropertyValue("--sans").trim());
  const paper = document.createElementNS(copy.namespaceURI, "rect");
  for (const [name, value] of [["width", "100%"], ["height", "100%"], ["fill", "white"]]) paper.setAttribute(name, value);
  copy.prepend(paper);
  return new XMLSerializer()
    .serializeToString(copy)
    .replace(/var\((--[\w-]+)\)/g, (_, name) => light.getPropertyValue(name).trim())
    .replaceAll("currentColor", light.getPropertyValue("--ink").trim());
}

async function png(plot) {
  const { width, height } = plot.viewBox.baseVal;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(plot))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * DOTS);
  canvas.height = Math.round(height * DOTS);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

async function copy(text, element) {
  try {
    await navigator.clipboard.writeText(text.textContent.trim());
    element.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(text); // no clipboard here: Ctrl+C does the rest
    element.textContent = "Selected";
  }
  setTimeout(() => (element.textContent = "Copy"), 2000);
}

for (const plot of document.querySelectorAll("figure > svg.plot")) {
  const name = plot.dataset.name;
  const row = document.createElement("div");
  row.className = "buttons";
  row.append(
    button("SVG", name, () => save(new Blob([standalone(plot)], { type: "image/svg+xml" }), `${name}.svg`)),
    button("PNG", name, async () => save(await png(plot), `${name}.png`)),
  );
  plot.after(row);
}
for (const text of document.querySelectorAll(".copied")) {
  const row = document.createElement("div");
  row.className = "buttons";
  row.append(button("Copy", text.getAttribute("aria-label"), (element) => copy(text, element)));
  text.after(row);
}

// Elements and numbers. Text always becomes text nodes, so markup in it stays inert.

export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function drawing(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

// Format a number as the report does: four decimals below 10, two below 1,000, none above.
export function number(value) {
  if (value === null) return "infinite";
  const decimals = Math.abs(value) < 10 ? 4 : Math.abs(value) < 1000 ? 2 : 0;
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function count(value) {
  return Math.round(value).toLocaleString("en-US");
}

export function duration(seconds) {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [small, units] = whole < 3600 ? [whole, ["min", "s"]] : [Math.round(seconds / 60), ["h", "min"]];
  const rest = small % 60 ? ` ${small % 60} ${units[1]}` : "";
  return `${Math.floor(small / 60)} ${units[0]}${rest}`;
}

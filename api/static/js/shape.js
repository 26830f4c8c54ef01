// Alarm priority as a shape with its number, so that nothing depends on colour.

const PATHS = {
  1: "M2 2H30V30H2Z", // square: critical
  2: "M16 1L31.5 30H.5Z", // triangle: high
  3: "M.5 2H31.5L16 31Z", // triangle on its tip: medium
  4: "M16 .5L31.5 16L16 31.5L.5 16Z", // diamond: low
  5: "M16 2A14 14 0 1 1 15.9 2Z", // circle: event
};
const TEXT_AT = { 1: 21.5, 2: 26, 3: 17, 4: 21, 5: 21 };
const SVG = "http://www.w3.org/2000/svg";

export function shapeOf(priority, { isCalm = false, isSmall = false } = {}) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("class", `shape shape-${priority}${isCalm ? " is-calm" : ""}${isSmall ? " shape-small" : ""}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `priority ${priority}`);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[priority]);
  const text = document.createElementNS(SVG, "text");
  text.setAttribute("x", "16");
  text.setAttribute("y", String(TEXT_AT[priority]));
  text.textContent = String(priority);
  svg.append(path, text);
  return svg;
}

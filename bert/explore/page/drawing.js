// Numbers as colored cells: blue above 0, orange below, the stronger the larger.

const known = new Map();

/** A color of page.css as it is in the current theme: "--positive" -> "rgb(29, 90, 158)". */
export function colorOf(name) {
  if (!known.has(name)) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    known.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return known.get(name);
}

/** Asks the page for its colors anew: the theme is another one. */
export const forgetColors = () => known.clear();

/**
 * Draws a matrix on a canvas of the size that it has in the page.
 *
 * values: the numbers, row by row. largest: the number that has the full color.
 */
export function drawCells(canvas, values, columns, largest) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (!width || !height) return;
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const [positive, negative] = [colorOf("--positive"), colorOf("--negative")];
  const rowCount = values.length / columns;
  values.forEach((value, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const [left, top] = [Math.floor((column * width) / columns), Math.floor((row * height) / rowCount)];
    context.globalAlpha = Math.min(Math.abs(value) / (largest || 1), 1);
    context.fillStyle = value < 0 ? negative : positive;
    context.fillRect(left, top, Math.ceil(((column + 1) * width) / columns) - left, Math.ceil(((row + 1) * height) / rowCount) - top);
  });
}

/** The largest absolute value of some arrays of numbers. */
export const largestOf = (...arrays) => Math.max(...arrays.map((values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)));

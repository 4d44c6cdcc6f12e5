// Box 5, right: the attention of one head as a matrix. A row is the token that attends.
import { colorOf, drawCells } from "../drawing.js";
import { byId, element } from "../elements.js";
import { percent, say } from "../words.js";
import { headWeights } from "./attention.js";
import { seenAs, shortName } from "./lines.js";

const MARGIN = 88; // the room for names, at the left and at the top
const SMALLEST = 10; // of a cell: a larger matrix can be scrolled
const LARGEST = 24;
const KEYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** Draws the matrix. A click, or the arrow keys, choose the pair of tokens for the next box. */
export function matrixView(explorer) {
  const canvas = element("canvas", { class: "matrix-cells", role: "img", tabindex: 0 });
  byId("matrix").replaceChildren(canvas);
  const size = () => {
    const room = byId("matrix").clientWidth - MARGIN - 4;
    return Math.max(SMALLEST, Math.min(LARGEST, Math.floor(room / explorer.tokens.length)));
  };

  function choose(from, to) {
    const last = explorer.tokens.length - 1;
    explorer.show({ from: Math.min(Math.max(from, 0), last), to: Math.min(Math.max(to, 0), last) });
  }

  canvas.addEventListener("click", (event) => {
    const [x, y] = [event.offsetX - MARGIN, event.offsetY - MARGIN];
    if (x >= 0 && y >= 0) choose(Math.floor(y / size()), Math.floor(x / size()));
  });
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    const [down, right] = KEYS[event.key];
    choose(explorer.result.from + down, explorer.result.to + right);
  });

  return () => {
    const { state, result, tokens } = explorer;
    const { from, to, output } = result;
    const weights = headWeights(output, state.layer, state.head);
    const share = percent(weights[from * tokens.length + to]);
    const [fromName, toName] = [from, to].map((index) => shortName(seenAs(explorer, index)));
    byId("matrix-title").textContent = say("attention.matrix", { from: fromName, to: toName, share });
    canvas.setAttribute("aria-label", say("attention.keys", { from: fromName, to: toName, share }));
    drawMatrix(canvas, tokens.map((_, index) => seenAs(explorer, index)), weights, size(), from, to);
  };
}

function drawMatrix(canvas, names, weights, cell, from, to) {
  const side = names.length * cell;
  canvas.style.width = canvas.style.height = `${MARGIN + side + 2}px`;
  const cells = element("canvas");
  cells.style.width = cells.style.height = `${side}px`;
  canvas.after(cells); // in the page, so that it has a size
  drawCells(cells, weights, names.length, Math.max(...weights));
  const ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.height = Math.round((MARGIN + side + 2) * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.drawImage(cells, MARGIN, MARGIN, side, side);
  cells.remove();
  context.strokeStyle = colorOf("--line");
  context.strokeRect(MARGIN, MARGIN, side, side);
  context.strokeStyle = context.fillStyle = colorOf("--ink");
  context.lineWidth = 2;
  context.strokeRect(MARGIN + to * cell, MARGIN + from * cell, cell, cell);
  const letters = Math.min(13, cell);
  context.textBaseline = "middle";
  names.forEach((name, index) => {
    const middle = MARGIN + (index + 0.5) * cell;
    const label = shortName(name, 11);
    const write = (isChosen, align, x) => {
      context.font = `${isChosen ? "700 " : ""}${letters}px system-ui, sans-serif`;
      context.textAlign = align;
      context.fillText(label, x, 0);
    };
    context.save();
    context.translate(0, middle);
    write(index === from, "right", MARGIN - 6);
    context.restore();
    context.save();
    context.translate(middle, MARGIN - 6);
    context.rotate(-Math.PI / 2);
    write(index === to, "left", 0);
    context.restore();
  });
}

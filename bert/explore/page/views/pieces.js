// Box 1: the pieces of both texts. A click masks a piece, or shows it again.
import { byId, element, pieceElement, redraw } from "../elements.js";
import { isMaskable } from "../explorer.js";
import { say, shown } from "../words.js";

/** Draws the box; listens to the two texts. */
export function piecesView(explorer) {
  for (const name of ["first", "second"]) {
    byId(name).value = explorer.state[name];
    byId(name).addEventListener("input", (event) => explorer.show({ [name]: event.target.value }));
  }
  byId("second-label").hidden = !explorer.data.takes_pairs;

  function choose(index) {
    const { masked, selected } = explorer.state;
    const isHidden = masked.has(index);
    if (isMaskable(explorer.tokens[index]) && !(isHidden && index !== selected)) {
      if (isHidden) masked.delete(index);
      else masked.add(index);
    }
    explorer.show({ selected: index, from: null, to: null });
  }

  return () => {
    const words = [];
    explorer.tokens.forEach((token, index) => {
      const before = explorer.tokens[index - 1];
      const goesOn = isMaskable(token) && token.word === before?.word && token.type === before?.type;
      if (!goesOn) words.push([]);
      words[words.length - 1].push(pieceButton(explorer, token, index, () => choose(index)));
    });
    redraw(byId("piece-list"), words.map((buttons) => element("span", { class: "word" }, buttons)));
    const { left } = explorer.result;
    byId("cut").textContent = left ? say("pieces.cut", { left: shown(left), most: shown(explorer.data.max_length) }) : "";
  };
}

/** A piece with its id, and its offsets in its text: text[start:end]. */
function pieceButton(explorer, token, index, onclick) {
  const { masked, selected } = explorer.state;
  const isMasked = masked.has(index);
  const classes = ["piece", `segment-${token.type}`];
  if (isMasked || token.id === explorer.tokenizer.mask) classes.push("masked");
  if (!isMaskable(token)) classes.push("special");
  if (index === selected) classes.push("selected");
  const place = isMaskable(token) ? ` · ${token.start}–${token.end}` : "";
  return element(
    "button",
    { type: "button", class: classes.join(" "), "aria-pressed": String(isMasked), "data-key": index, onclick },
    pieceElement(isMasked ? "[MASK]" : token.piece),
    element("small", {}, `${isMasked ? explorer.tokenizer.mask : token.id}${place}`),
  );
}

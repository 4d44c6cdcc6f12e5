// Box 5, middle: the attention of one head as lines, from the tokens on the left to the tokens on the right.
import { byId, svg, visible } from "../elements.js";
import { weightsFrom } from "../explorer.js";
import { say } from "../words.js";

const HEIGHT = 22; // of a token
const SIDE = 104; // the room for a token's name
const MIDDLE = 140; // the room for the lines
const LEAST = 0.02; // a fainter line would not be seen
const LONGEST = 12; // letters of a name

/** A name that fits beside the lines. */
export function shortName(piece, most = LONGEST) {
  const letters = Array.from(visible(piece));
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : letters.join("");
}

/** The name of a token as the model sees it: [MASK] for a masked one. */
export const seenAs = (explorer, index) => explorer.tokenizer.vocabulary[explorer.result.inputIds[index]];

/** Draws the lines. A click on a token on the left chooses where they come from; on the right, where they go. */
export function linesView(explorer) {
  return () => {
    const { state, result, tokens } = explorer;
    const { from, to, output } = result;
    byId("lines-title").textContent = say("attention.lines", { layer: state.layer + 1, head: state.head + 1 });
    const middleOf = (index) => (index + 0.5) * HEIGHT;
    const lines = tokens.flatMap((_, index) =>
      Array.from(weightsFrom(output, state, index), (weight, other) => ({ index, other, weight })),
    );
    const paths = lines
      .filter(({ weight }) => weight >= LEAST)
      .map(({ index, other, weight }) =>
        svg("path", {
          class: "look",
          d: `M${SIDE} ${middleOf(index)} C${SIDE + MIDDLE / 2} ${middleOf(index)} ${SIDE + MIDDLE / 2} ${middleOf(other)} ${SIDE + MIDDLE} ${middleOf(other)}`,
          "stroke-width": (0.8 + 3 * weight).toFixed(2),
          "stroke-opacity": (Math.sqrt(weight) * (index === from ? 1 : 0.2)).toFixed(3),
        }),
      );
    const names = tokens.flatMap((_, index) => {
      const name = shortName(seenAs(explorer, index));
      const right = SIDE + MIDDLE;
      const texts = [
        svg("text", { x: SIDE - 6, y: middleOf(index) + 4, "text-anchor": "end", class: index === from ? "chosen" : "" }, name),
        svg("text", { x: right + 6, y: middleOf(index) + 4, class: index === to ? "chosen" : "" }, name),
      ];
      const places = [
        svg("rect", { class: "hit", x: 0, y: index * HEIGHT, width: SIDE, height: HEIGHT, onclick: () => explorer.show({ from: index, to: null }) }),
        svg("rect", { class: "hit", x: right, y: index * HEIGHT, width: SIDE, height: HEIGHT, onclick: () => explorer.show({ from, to: index }) }),
      ];
      return [...texts, ...places];
    });
    const [width, height] = [2 * SIDE + MIDDLE, tokens.length * HEIGHT];
    byId("lines").replaceChildren(
      svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-labelledby": "lines-title" }, paths, names),
    );
  };
}

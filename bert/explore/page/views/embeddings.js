// Box 4: the three embeddings of the chosen token, their sum, and the sum after LayerNorm.
import { drawCells, largestOf } from "../drawing.js";
import { byId, element, visible } from "../elements.js";
import { norm, row } from "../tensors.js";
import { say } from "../words.js";

/** A vector as a strip of cells, with its name and a number beside it; drawn once it is in the page. */
export function strip(name, values, largest, number) {
  const canvas = element("canvas", { role: "img", "aria-label": `${name}: ${say("strip", { count: values.length })}` });
  const draw = () => drawCells(canvas, values, values.length, largest);
  return { draw, parts: [element("span", { class: "name" }, name), canvas, element("span", { class: "number" }, number)] };
}

/** Puts strips into a box; null draws a line, as above a sum. */
export function drawStrips(box, strips) {
  box.replaceChildren(...strips.flatMap((each) => (each ? each.parts : [element("span", { class: "line" })])));
  for (const each of strips) each?.draw();
}

/** Draws the box. */
export function embeddingsView(explorer) {
  return () => {
    const { state, tokens, result, tokenizer } = explorer;
    const index = state.selected;
    const { word, position, tokenType, sum, states } = result.output.embeddings;
    const [its, ...others] = [word, position, tokenType, sum, states].map((tensor) => row(tensor, index));
    const [place, segment, total, normalized] = others;
    const largest = largestOf(its, place, segment, total);
    const named = (name, values, most = largest) => strip(name, values, most, `‖·‖ ${norm(values).toFixed(2)}`);
    drawStrips(byId("embedding-strips"), [
      named(`${say("embeddings.word")} ${visible(tokenizer.vocabulary[result.inputIds[index]])}`, its),
      named(`+ ${say("embeddings.position")} ${index}`, place),
      named(`+ ${say("embeddings.segment")} ${"AB"[tokens[index].type]}`, segment),
      null,
      named(`= ${say("embeddings.sum")}`, total),
      named(say("embeddings.normalized"), normalized, largestOf(normalized)),
    ]);
  };
}

// Box 6: query times key for the chosen pair of tokens, in the chosen layer and head.
import { largestOf } from "../drawing.js";
import { byId, element } from "../elements.js";
import { weightsFrom } from "../explorer.js";
import { row } from "../tensors.js";
import { percent, say } from "../words.js";
import { drawStrips, strip } from "./embeddings.js";
import { seenAs, shortName } from "./lines.js";

/** Draws the box; listens to the two lists of tokens. */
export function productView(explorer) {
  byId("from").addEventListener("change", (event) => explorer.show({ from: Number(event.target.value), to: null }));
  byId("to").addEventListener("change", (event) => explorer.show({ from: explorer.result.from, to: Number(event.target.value) }));
  return () => {
    const { state, result, tokens } = explorer;
    const { from, to, output } = result;
    for (const [id, chosen] of [["from", from], ["to", to]]) {
      const options = tokens.map((_, index) => element("option", { value: index, selected: index === chosen }, `${index} ${shortName(seenAs(explorer, index), 24)}`));
      byId(id).replaceChildren(...options);
    }
    const attention = output.layers[state.layer].attention;
    const dim = attention.query.shape[1] / explorer.data.config.num_attention_heads;
    const ofHead = (tensor, index) => row(tensor, index).subarray(state.head * dim, (state.head + 1) * dim);
    const [query, key] = [ofHead(attention.query, from), ofHead(attention.key, to)];
    const product = query.map((value, at) => value * key[at]);
    const sum = product.reduce((total, value) => total + value, 0);
    const score = sum / Math.sqrt(dim);
    drawStrips(byId("product-strips"), [
      strip(`q ${shortName(seenAs(explorer, from))}`, query, largestOf(query), `(${dim},)`),
      strip(`k ${shortName(seenAs(explorer, to))}`, key, largestOf(key), `(${dim},)`),
      null,
      strip("q × k", product, largestOf(product), `Σ ${sum.toFixed(2)}`),
    ]);
    byId("product-sum").textContent = say("product.sum", {
      sum: sum.toFixed(2),
      dim,
      score: score.toFixed(2),
      share: percent(weightsFrom(output, state, from)[to]),
      layer: state.layer + 1,
      head: state.head + 1,
    });
  };
}

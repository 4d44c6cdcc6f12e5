// Box 7: what the head of masked language modelling would say after each layer (the logit lens).
import { byId, element, pieceElement } from "../elements.js";
import { percent, say } from "../words.js";

const MOST = 4;

/** Draws the box. */
export function lensView(explorer) {
  byId("lens").hidden = !explorer.hasHead("masked_lm");
  return () => {
    const { lens } = explorer.result;
    if (!lens) return;
    const { vocabulary } = explorer.tokenizer;
    const best = lens.map((ranking) => ranking.top(MOST));
    const last = best[best.length - 1][0];
    const rows = best.map((pieces, layer) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, layer ? say("lens.layer", { layer }) : say("lens.embeddings")),
        element("td", {}, pieces.map(({ id, probability }) => {
          const share = element("small", {}, ` ${percent(probability)}`);
          const name = pieceElement(vocabulary[id], share);
          if (id === last.id) name.className = "true";
          return name;
        })),
        element("td", { class: "number" }, percent(lens[layer].probability(last.id))),
      ),
    );
    const heading = (words) => element("th", { scope: "col" }, words);
    byId("lens-table").replaceChildren(
      element("thead", {}, element("tr", {}, [say("lens.after"), say("lens.best"), say("lens.last")].map(heading))),
      element("tbody", {}, rows),
    );
    byId("lens-note").replaceChildren(say("lens.decides", { layer: decidingLayer(best) }), pieceElement(vocabulary[last.id]));
  };
}

/** The first layer from which on the best piece is the last layer's; 0 are the embeddings. */
export function decidingLayer(best) {
  const last = best[best.length - 1][0].id;
  let layer = best.length - 1;
  while (layer > 0 && best[layer - 1][0].id === last) layer--;
  return layer;
}

// Box 5, left: all heads as small pictures, to choose one from. Lines and matrix stand beside them.
import { drawCells } from "../drawing.js";
import { byId, element, redraw } from "../elements.js";
import { say } from "../words.js";

const MOST_BESIDE = 4; // heads that find room beside the lines and the matrix

/** The weights of a head, as numbers row by row: (tokens * tokens,) */
export function headWeights(output, layer, head) {
  const { shape, data } = output.layers[layer].attention.weights;
  return data.subarray(head * shape[1] * shape[2], (head + 1) * shape[1] * shape[2]);
}

/** Draws the pictures of all heads. */
export function attentionView(explorer) {
  const { num_hidden_layers: layers, num_attention_heads: heads } = explorer.data.config;
  byId("attention").classList.toggle("many-heads", heads > MOST_BESIDE);
  return () => {
    const { state, result } = explorer;
    const box = byId("head-list");
    box.style.gridTemplateColumns = `repeat(${heads}, max-content)`;
    const pictures = [];
    for (let layer = 0; layer < layers; layer++)
      for (let head = 0; head < heads; head++) {
        const canvas = element("canvas");
        const isChosen = layer === state.layer && head === state.head;
        const button = element(
          "button",
          {
            type: "button",
            class: "head",
            "data-key": `${layer}-${head}`,
            "aria-pressed": String(isChosen),
            "aria-label": say("attention.head", { layer: layer + 1, head: head + 1 }),
            title: say("attention.head", { layer: layer + 1, head: head + 1 }),
            onclick: () => explorer.show({ layer, head, to: null }),
          },
          canvas,
        );
        pictures.push({ button, canvas, weights: headWeights(result.output, layer, head) });
      }
    redraw(box, pictures.map(({ button }) => button));
    for (const { canvas, weights } of pictures)
      drawCells(canvas, weights, explorer.tokens.length, Math.max(...weights));
  };
}

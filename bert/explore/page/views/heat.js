// Box 3: how much each token speaks for a score, or against it: the score's gradient times the token's vector.
import { explainedScore } from "../answers.js";
import { bertBackward } from "../backward.js";
import { byId, element, pieceElement, visible } from "../elements.js";
import { dot } from "../tensors.js";
import { say } from "../words.js";
import { seenAs } from "./lines.js";

/**
 * For each token, its vector after the embeddings times the gradient of a score there.
 *
 * To the first order, this is how much the score would fall without the vector. It is taken after LayerNorm: of the sum
 * before it, LayerNorm forgets the length, so there the product is always 0.
 */
export function gradientTimesInput(model, output, gradient) {
  const { data, shape } = bertBackward(model, output, gradient).states;
  const [tokens, size] = shape;
  return Array.from({ length: tokens }, (_, token) =>
    dot(data, token * size, output.embeddings.states.data, token * size, size),
  );
}

/** Draws the box. */
export function heatView(explorer) {
  let kept = {}; // of the last score: a backward pass takes as long as a forward pass
  return () => {
    const { result, tokens } = explorer;
    const explained = explainedScore(explorer);
    byId("heat").hidden = explained === null;
    if (explained === null) return;
    const { name, score, gradient } = explained;
    const key = JSON.stringify([result.key, name, score]);
    if (kept.key !== key) kept = { key, values: gradientTimesInput(result.model, result.output, gradient) };
    const { values } = kept;
    const largest = Math.max(...values.map(Math.abs));
    const digits = Math.min(6, Math.max(2, 1 - Math.floor(Math.log10(largest || 1)))); // two of the largest number's
    const shown = Object.entries(name.values).map(([key, value]) => [key, visible(String(value))]);
    byId("heat-of").textContent = say(name.key, { ...Object.fromEntries(shown), score: score.toFixed(2) });
    byId("heat-list").replaceChildren(
      ...tokens.map((token, index) => {
        const cell = element(
          "li",
          { class: values[index] < 0 ? "against" : "for" },
          pieceElement(seenAs(explorer, index)),
          element("small", {}, values[index].toFixed(digits).replace(/^-(0\.0*)$/, "$1")),
        );
        cell.style.setProperty("--strength", `${Math.round((100 * Math.abs(values[index])) / (largest || 1))}%`);
        return cell;
      }),
    );
  };
}

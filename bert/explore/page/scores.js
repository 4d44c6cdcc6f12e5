// One score of a head, and its gradient with respect to the last states: where the way back to the embeddings begins.
//
// Each function gives {score, gradient}; the gradient is (tokens, hidden_size), and 0 at the states that the score does
// not read. states: the last ones, (tokens, hidden_size).
import { addTo, applyBackward, denseBackward, normalizeBackward } from "./backward.js";
import { derivative } from "./derivatives.js";
import { classificationHead, spanHead, taggingHead } from "./fine_tuned.js";
import { maskedLanguageModelHead, oneToken, pieceVectors } from "./heads.js";
import { dense, pooler } from "./model.js";
import { activation, apply, row, zeros } from "./tensors.js";

/** A gradient that is 0 but for some rows: [position, vector] each. */
function atPositions(states, ...rows) {
  const gradient = zeros(...states.shape);
  for (const [position, vector] of rows) addTo(row(gradient, position), vector, 1);
  return gradient;
}

/** The score of a label for the text: of classificationHead. */
export function labelScore(model, states, head, label) {
  const score = classificationHead(model, states, head).data[label];
  const weights = row(model.weights.get("classifier.weight"), label); // the score is their product with what is pooled
  if (head.pool === "mean") {
    const share = weights.map((weight) => weight / states.shape[0]);
    return { score, gradient: atPositions(states, ...Array.from({ length: states.shape[0] }, (_, at) => [at, share])) };
  }
  const pooled = pooler(model, states); // tanh, whose derivative is 1 - tanh^2
  const ofDense = { shape: pooled.shape, data: weights.map((weight, at) => weight * (1 - pooled.data[at] ** 2)) };
  return { score, gradient: atPositions(states, [0, denseBackward(model, "bert.pooler.dense", ofDense).data]) };
}

/** The score of a label for one token: of taggingHead. */
export function tagScore(model, states, position, label) {
  const score = taggingHead(model, oneToken(states, position)).data[label];
  return { score, gradient: atPositions(states, [position, row(model.weights.get("classifier.weight"), label)]) };
}

/** The score of an answer, start and end added up: of spanHead. */
export function spanScore(model, states, start, end) {
  const [ofStart, ofEnd] = [start, end].map((position) => spanHead(model, oneToken(states, position)).data);
  const weight = model.weights.get("qa_outputs.weight");
  return { score: ofStart[0] + ofEnd[1], gradient: atPositions(states, [start, row(weight, 0)], [end, row(weight, 1)]) };
}

/** The score of a piece at one token: of maskedLanguageModelHead. */
export function pieceScore(model, states, position, id) {
  const name = "masked_language_model";
  const state = oneToken(states, position);
  const score = maskedLanguageModelHead(model, state).data[id];
  const input = dense(model, `${name}.dense`, state);
  const transformed = apply(input, activation(model.config.hidden_act));
  const ofNormalized = { shape: input.shape, data: row(pieceVectors(model), id) };
  const ofTransformed = normalizeBackward(model, `${name}.layer_norm`, transformed, ofNormalized);
  const ofInput = applyBackward(ofTransformed, input, derivative(model.config.hidden_act));
  return { score, gradient: atPositions(states, [position, denseBackward(model, `${name}.dense`, ofInput).data]) };
}

// The gradient of one score with respect to the embeddings: model.js backwards, by the chain rule.
//
// Each function takes the gradient with respect to what its function in model.js gave, and what that function kept. It
// gives the gradient with respect to what went in, in the same shape. PyTorch's autograd does the same by itself.
import { derivative } from "./derivatives.js";
import { add, dot, row, zeros } from "./tensors.js";

/** Adds a multiple of a vector to another one, in place. */
export function addTo(vector, other, factor) {
  for (let at = 0; at < vector.length; at++) vector[at] += factor * other[at];
}

/**
 * Through linear, states @ weight^T + bias: gradient @ weight, (tokens, outputs) -> (tokens, inputs)
 *
 * Four outputs at a time, as linear has them, so that each sum is read and written once for all four.
 */
export function linearBackward(gradient, weight) {
  const [tokens, outputs] = gradient.shape;
  const inputs = weight.shape[1];
  const result = zeros(tokens, inputs);
  const [sums, w] = [result.data, weight.data];
  for (let output = 0; output < outputs; output += 4) {
    const [first, second, third, fourth] = [0, 1, 2, 3].map((more) => Math.min(output + more, outputs - 1) * inputs);
    for (let token = 0; token < tokens; token++) {
      const start = token * inputs;
      const of = (more) => (output + more < outputs ? gradient.data[token * outputs + output + more] : 0);
      const [a, b, c, d] = [of(0), of(1), of(2), of(3)];
      for (let at = 0; at < inputs; at++)
        sums[start + at] += a * w[first + at] + b * w[second + at] + c * w[third + at] + d * w[fourth + at];
    }
  }
  return result;
}

/** Through a linear layer of the model, by its name. */
export const denseBackward = (model, name, gradient) => linearBackward(gradient, model.weights.get(`${name}.weight`));

/**
 * Through a LayerNorm of the model, n = (x - mean) / deviation, y = n * weight + bias, for each token alone:
 *
 *   dx = (dn - mean(dn) - n * mean(dn * n)) / deviation,    dn = dy * weight
 *
 * The two means are there since x changes its own mean and deviation, too. input: x, (tokens, hidden_size)
 */
export function normalizeBackward(model, name, input, gradient) {
  const [tokens, size] = input.shape;
  const weight = model.weights.get(`${name}.weight`).data;
  const result = zeros(tokens, size);
  for (let token = 0; token < tokens; token++) {
    const values = row(input, token);
    const mean = values.reduce((sum, value) => sum + value, 0) / size;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size;
    const deviation = Math.sqrt(variance + model.config.layer_norm_eps);
    const normalized = values.map((value) => (value - mean) / deviation);
    const scaled = row(gradient, token).map((value, at) => value * weight[at]);
    const meanOfScaled = scaled.reduce((sum, value) => sum + value, 0) / size;
    const meanOfProduct = dot(scaled, 0, normalized, 0, size) / size;
    row(result, token).set(scaled.map((value, at) => (value - meanOfScaled - normalized[at] * meanOfProduct) / deviation));
  }
  return result;
}

/** Through a function of one number with this derivative: gradient * derivative(input). */
export const applyBackward = (gradient, input, derivative) => ({
  shape: gradient.shape,
  data: gradient.data.map((value, at) => value * derivative(input.data[at])),
});

/**
 * Through scaledDotProductAttention. ``kept`` is what multiHeadAttention gave; for each head and each token i
 *
 *   dvalue_j += w_ij dout_i,     dw_ij = dout_i . value_j,     dscore_ij = w_ij (dw_ij - sum over m of w_im dw_im)
 *   dquery_i += dscore_ij key_j / sqrt(dim),     dkey_j += dscore_ij query_i / sqrt(dim)
 *
 * Returns the gradients of query, key and value, each (tokens, hidden_size).
 */
export function scaledDotProductAttentionBackward(kept, heads, gradient) {
  const [tokens, size] = gradient.shape;
  const dim = size / heads;
  const [query, key, value] = [zeros(tokens, size), zeros(tokens, size), zeros(tokens, size)];
  for (let head = 0; head < heads; head++) {
    const part = (tensor, token) => tensor.data.subarray(token * size + head * dim, token * size + (head + 1) * dim);
    for (let from = 0; from < tokens; from++) {
      const at = (head * tokens + from) * tokens;
      const weights = kept.weights.data.subarray(at, at + tokens);
      const ofOutput = part(gradient, from);
      const ofWeights = weights.map((_, to) => dot(ofOutput, 0, part(kept.value, to), 0, dim));
      const mean = dot(weights, 0, ofWeights, 0, tokens);
      for (let to = 0; to < tokens; to++) {
        const ofScore = (weights[to] * (ofWeights[to] - mean)) / Math.sqrt(dim);
        addTo(part(value, to), ofOutput, weights[to]);
        addTo(part(query, from), part(kept.key, to), ofScore);
        addTo(part(key, to), part(kept.query, from), ofScore);
      }
    }
  }
  return { query, key, value };
}

/** Through multiHeadAttention: query, key and value were all made of the same states. */
export function multiHeadAttentionBackward(model, name, kept, gradient) {
  const ofAttended = denseBackward(model, `${name}.output`, gradient);
  const parts = scaledDotProductAttentionBackward(kept, model.config.num_attention_heads, ofAttended);
  return add(...Object.entries(parts).map(([part, ofPart]) => denseBackward(model, `${name}.${part}`, ofPart)));
}

/** Through feedForward. */
export function feedForwardBackward(model, name, kept, gradient) {
  const ofActivated = denseBackward(model, `${name}.output`, gradient);
  const ofIntermediate = applyBackward(ofActivated, kept.intermediate, derivative(model.config.hidden_act));
  return denseBackward(model, `${name}.intermediate`, ofIntermediate);
}

/** Through encoderLayer: at a residual sum the gradient goes both ways, around the sublayer and through it. */
export function encoderLayerBackward(model, index, kept, gradient) {
  const name = `bert.encoder.layers.${index}`;
  const ofForwardSum = normalizeBackward(model, `${name}.feed_forward_norm`, kept.forwardSum, gradient);
  const ofMiddle = add(ofForwardSum, feedForwardBackward(model, `${name}.feed_forward`, kept.forward, ofForwardSum));
  const ofAttentionSum = normalizeBackward(model, `${name}.attention_norm`, kept.attentionSum, ofMiddle);
  return add(ofAttentionSum, multiHeadAttentionBackward(model, `${name}.attention`, kept.attention, ofAttentionSum));
}

/**
 * Through bert: from the last layer down to the embeddings.
 *
 * output: of bert. gradient: with respect to the last states, (tokens, hidden_size). Returns the gradients with respect
 * to the three embeddings' ``sum`` and, after LayerNorm, to their ``states``, which go into the first layer.
 */
export function bertBackward(model, output, gradient) {
  const states = output.layers.reduceRight(
    (ofStates, kept, index) => encoderLayerBackward(model, index, kept, ofStates),
    gradient,
  );
  return { states, sum: normalizeBackward(model, "bert.embeddings.layer_norm", output.embeddings.sum, states) };
}

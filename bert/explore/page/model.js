// BERT's forward pass on one input. Each function mirrors one of bert/model/ and takes the weights by PyTorch's names.
//
// Every intermediate result is returned, so the page can draw it. A model is {config, weights}.
import { activation, add, apply, dot, layerNorm, linear, row, rows, softmax, zeros } from "./tensors.js";

/** A linear layer of the model, by its name. */
export function dense(model, name, states) {
  return linear(states, model.weights.get(`${name}.weight`), model.weights.get(`${name}.bias`));
}

/** A LayerNorm of the model, by its name. */
export function normalize(model, name, states) {
  const { weights, config } = model;
  return layerNorm(states, weights.get(`${name}.weight`), weights.get(`${name}.bias`), config.layer_norm_eps);
}

/**
 * bert/model/embeddings.py, Embeddings.forward: LayerNorm(word + position + token type), each (tokens, hidden_size).
 */
export function embeddings(model, inputIds, tokenTypeIds) {
  const table = (name) => model.weights.get(`bert.embeddings.${name}_embeddings.weight`);
  const word = rows(table("word"), inputIds);
  const position = rows(table("position"), inputIds.map((_, index) => index));
  const tokenType = rows(table("token_type"), tokenTypeIds);
  const sum = add(word, position, tokenType);
  return { word, position, tokenType, sum, states: normalize(model, "bert.embeddings.layer_norm", sum) };
}

/**
 * bert/model/attention.py, scaled_dot_product_attention: softmax(query @ key^T / sqrt(dim)) @ value, for each head.
 *
 * query, key, value: (tokens, hidden_size); a head has ``dim`` neighbouring columns. Returns the attended values of
 * all heads (tokens, hidden_size), and scores and weights (heads, tokens, tokens): row i is what token i takes.
 */
export function scaledDotProductAttention(query, key, value, heads) {
  const [tokens, size] = query.shape;
  const dim = size / heads;
  const scores = zeros(heads, tokens, tokens);
  const weights = zeros(heads, tokens, tokens);
  const attended = zeros(tokens, size);
  for (let head = 0; head < heads; head++)
    for (let from = 0; from < tokens; from++) {
      const at = (head * tokens + from) * tokens;
      for (let to = 0; to < tokens; to++)
        scores.data[at + to] =
          dot(query.data, from * size + head * dim, key.data, to * size + head * dim, dim) / Math.sqrt(dim);
      const taken = softmax(scores.data.subarray(at, at + tokens));
      weights.data.set(taken, at);
      for (let column = head * dim; column < (head + 1) * dim; column++) {
        let sum = 0;
        for (let to = 0; to < tokens; to++) sum += taken[to] * value.data[to * size + column];
        attended.data[from * size + column] = sum;
      }
    }
  return { scores, weights, attended };
}

/** bert/model/attention.py, MultiHeadAttention.forward: heads side by side, then a projection. */
export function multiHeadAttention(model, name, states) {
  const [query, key, value] = ["query", "key", "value"].map((part) => dense(model, `${name}.${part}`, states));
  const heads = scaledDotProductAttention(query, key, value, model.config.num_attention_heads);
  return { query, key, value, ...heads, output: dense(model, `${name}.output`, heads.attended) };
}

/** bert/model/feed_forward.py, FeedForward.forward: up to intermediate_size, the activation, and down again. */
export function feedForward(model, name, states) {
  const intermediate = dense(model, `${name}.intermediate`, states);
  const activated = apply(intermediate, activation(model.config.hidden_act));
  return { intermediate, activated, output: dense(model, `${name}.output`, activated) };
}

/** bert/model/encoder.py, EncoderLayer.forward: both sublayers, each with a residual sum and LayerNorm after it. */
export function encoderLayer(model, index, input) {
  const name = `bert.encoder.layers.${index}`;
  const attention = multiHeadAttention(model, `${name}.attention`, input);
  const attentionSum = add(input, attention.output);
  const middle = normalize(model, `${name}.attention_norm`, attentionSum);
  const forward = feedForward(model, `${name}.feed_forward`, middle);
  const forwardSum = add(middle, forward.output);
  const states = normalize(model, `${name}.feed_forward_norm`, forwardSum);
  return { input, attention, attentionSum, middle, forward, forwardSum, states };
}

/** bert/model/bert.py, Pooler.forward: tanh of a dense layer over the last state of [CLS], (1, hidden_size). */
export function pooler(model, states) {
  const first = { shape: [1, states.shape[1]], data: row(states, 0) };
  return apply(dense(model, "bert.pooler.dense", first), Math.tanh);
}

/**
 * bert/model/bert.py, BertModel.forward: embeddings, then the layers of bert/model/encoder.py, Encoder.forward.
 *
 * Returns embeddings, layers, and hiddenStates: the embeddings' states, then the states after each layer.
 */
export function bert(model, inputIds, tokenTypeIds) {
  const embedded = embeddings(model, inputIds, tokenTypeIds);
  const layers = [];
  let states = embedded.states;
  for (let index = 0; index < model.config.num_hidden_layers; index++) {
    layers.push(encoderLayer(model, index, states));
    states = layers[index].states;
  }
  return { embeddings: embedded, layers, hiddenStates: [embedded.states, ...layers.map((layer) => layer.states)] };
}

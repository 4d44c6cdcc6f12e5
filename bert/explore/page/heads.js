// The heads of the two pretraining tasks, as bert/heads/pretraining.py has them.
import { dense, normalize, pooler } from "./model.js";
import { activation, apply, linear, row, softmax } from "./tensors.js";

/**
 * bert/heads/pretraining.py, MaskedLanguageModelHead.forward: a score for each piece of the vocabulary.
 *
 * states: (tokens, hidden_size) -> (tokens, vocab_size)
 */
export function maskedLanguageModelHead(model, states) {
  const transformed = apply(dense(model, "masked_language_model.dense", states), activation(model.config.hidden_act));
  return linear(
    normalize(model, "masked_language_model.layer_norm", transformed),
    pieceVectors(model),
    model.weights.get("masked_language_model.bias"),
  );
}

/** What states are compared with: the word embeddings; in a few published models a table of its own. */
export const pieceVectors = (model) =>
  model.weights.get("masked_language_model.decoder.weight") ??
  model.weights.get("bert.embeddings.word_embeddings.weight");

/** bert/heads/pretraining.py, NextSentenceHead.forward: scores for "B follows A" and "B is random", (1, 2). */
export function nextSentenceHead(model, lastStates) {
  return dense(model, "next_sentence.classifier", pooler(model, lastStates));
}

/** The state of one token as a matrix of one row: (1, hidden_size) */
export const oneToken = (states, index) => ({ shape: [1, states.shape[1]], data: row(states, index) });

/**
 * bert/commands/fill_mask.py, fill_mask: the most probable pieces for one token, the best first.
 *
 * logits: (1, vocab_size). Special tokens, and rows of the table without a piece, are not suggested. Their probability
 * is not shared out among the others. ``rank`` and ``probability`` of any piece can be asked for.
 */
export function ranked(logits, tokenizer) {
  const probabilities = softmax(logits.data);
  const special = new Set(tokenizer.special_token_ids);
  const suggested = (id) => id < tokenizer.vocabulary.length && !special.has(id);
  return {
    top(count) {
      const best = []; // sorted; most pieces are not better than the last of it
      probabilities.forEach((probability, id) => {
        if ((best.length === count && !(probability > best[count - 1].probability)) || !suggested(id)) return;
        const place = best.findIndex((other) => probability > other.probability);
        best.splice(place < 0 ? best.length : place, 0, { id, probability });
        if (best.length > count) best.pop();
      });
      return best;
    },
    probability: (id) => probabilities[id],
    rank: (id) => probabilities.reduce((above, value, other) => above + (suggested(other) && value > probabilities[id]), 1),
  };
}

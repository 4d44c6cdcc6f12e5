// What the reader has typed, masked and chosen; what the model makes of it; and the boxes that show it.
import { answerOf } from "./answers.js";
import { encodeFor } from "./encoding.js";
import { maskedLanguageModelHead, nextSentenceHead, oneToken, ranked } from "./heads.js";
import { bert } from "./model.js";
import { softmax } from "./tensors.js";
import { makeTokenizer } from "./wordpiece.js";

/**
 * The explorer of a page.
 *
 * data: what bert/commands/explore.py wrote. weightsOf: an async function from a checkpoint's index to its tensors.
 *
 * ``state`` is what the reader chose: first, second (the texts), masked (a Set of indices of tokens), selected (an
 * index), layer, head, from and to (null: not chosen), checkpoint, label (of a classifier; null: the best one).
 * ``result`` is what follows from it. ``show`` takes changes of the state; then each function in ``views`` draws its
 * box anew.
 */
export function makeExplorer(data, weightsOf) {
  const tokenizer = makeTokenizer(data.tokenizer);
  const models = new Map();
  const [first, second] = data.texts;
  const explorer = { data, tokenizer, views: [], result: null, show, hasHead };
  explorer.state = { first, second, masked: new Set(), selected: 0, layer: 0, head: 0, from: null, to: null, label: null };
  explorer.state.checkpoint = Math.max(data.steps.length - 1, 0);
  explorer.tokens = encodeFor(data.heads[0], first, second, tokenizer, data.max_length).tokens;
  if (hasHead("masked_lm")) {
    explorer.state.selected = firstBlank(explorer.tokens, tokenizer);
    if (explorer.tokens[explorer.state.selected].id !== tokenizer.mask) explorer.state.masked.add(explorer.state.selected);
  }
  let isScheduled = false;

  function hasHead(kind) {
    return data.heads.some((head) => head.kind === kind);
  }

  function modelOf(checkpoint) {
    const unpack = async () => ({ config: data.config, weights: await weightsOf(checkpoint) });
    if (!models.has(checkpoint)) models.set(checkpoint, unpack());
    return models.get(checkpoint);
  }

  function show(changes = {}) {
    Object.assign(explorer.state, changes);
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(async () => {
      isScheduled = false;
      const { checkpoint } = explorer.state;
      const model = await modelOf(checkpoint);
      if (checkpoint !== explorer.state.checkpoint) return; // a later call shows the later one
      explorer.result = computed(explorer, model);
      for (const view of explorer.views) view();
    });
  }

  return explorer;
}

/** The blank that a page begins with: a [MASK] in the text, or else the piece in the middle of the first text. */
function firstBlank(tokens, tokenizer) {
  const typed = tokens.findIndex((token) => token.id === tokenizer.mask);
  return typed >= 0 ? typed : Math.floor(tokens.findIndex((token) => token.id === tokenizer.sep) / 2);
}

/** What follows from the state. What did not change since the last time is kept. */
function computed(explorer, model) {
  const { state, tokenizer, data, result: last } = explorer;
  const { tokens, left } = encodeFor(data.heads[0], state.first, state.second, tokenizer, data.max_length);
  const place = carried(explorer.tokens, tokens);
  state.masked = new Set([...state.masked].map(place).filter((index) => index >= 0 && isMaskable(tokens[index])));
  const selected = place(state.selected);
  state.selected = Math.min(selected < 0 ? state.selected : selected, tokens.length - 1);
  if (tokens.length !== explorer.tokens.length) [state.from, state.to] = [null, null];
  explorer.tokens = tokens;

  const inputIds = tokens.map((token, index) => (state.masked.has(index) ? tokenizer.mask : token.id));
  const tokenTypeIds = tokens.map((token) => token.type);
  const key = JSON.stringify([state.checkpoint, inputIds, tokenTypeIds]);
  const lensKey = `${key} ${state.selected}`;
  const output = last?.key === key ? last.output : bert(model, inputIds, tokenTypeIds);
  const lens = last?.lensKey === lensKey ? last.lens : lensOf(explorer, model, output);
  const states = output.hiddenStates[output.hiddenStates.length - 1];
  const next = explorer.hasHead("next_sentence") ? softmax(nextSentenceHead(model, states).data) : null;
  const answer = answerOf(explorer, model, states);
  const from = state.from ?? state.selected;
  return { answer, key, lensKey, left, inputIds, output, lens, next, model, from, to: state.to ?? strongest(output, state, from) };
}

/** bert/heads/pretraining.py, MaskedLanguageModelHead applied to the chosen token after each layer: the logit lens. */
function lensOf(explorer, model, output) {
  if (!explorer.hasHead("masked_lm")) return null;
  return output.hiddenStates.map((states) =>
    ranked(maskedLanguageModelHead(model, oneToken(states, explorer.state.selected)), explorer.tokenizer),
  );
}

/** Whether a token is a piece of a text, which can be masked. [CLS] and [SEP] are not. */
export const isMaskable = (token) => token?.word !== undefined;

/** Where a token is after an edit of the text, or -1. Tokens before and after those that changed stay the same. */
export function carried(before, after) {
  const same = (a, b) => a.id === b.id && a.type === b.type;
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && same(before[start], after[start])) start++;
  let end = 0;
  while (end < shorter - start && same(before[before.length - 1 - end], after[after.length - 1 - end])) end++;
  const moved = after.length - before.length;
  return (index) => {
    if (index < start) return index;
    if (index >= before.length - end) return index + moved;
    return moved === 0 ? index : -1; // of as many pieces, each stands for the one that was there
  };
}

/** The attention weights of a token in the chosen layer and head: (tokens,) */
export function weightsFrom(output, state, from) {
  const { shape, data } = output.layers[state.layer].attention.weights;
  const at = (state.head * shape[1] + from) * shape[2];
  return data.subarray(at, at + shape[2]);
}

function strongest(output, state, from) {
  const weights = weightsFrom(output, state, from);
  return weights.indexOf(Math.max(...weights));
}

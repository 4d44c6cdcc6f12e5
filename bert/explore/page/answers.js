// What the head of a fine-tuned run says of the texts, and the score that the heat map explains.
import {
  bestSpan, bestTags, classificationHead, isWithoutAnswer, probabilities, spanHead, taggingHead,
} from "./fine_tuned.js";
import { labelScore, pieceScore, spanScore, tagScore } from "./scores.js";
import { wordsOf } from "./sentence.js";
import { row, softmax } from "./tensors.js";

const indexOfLargest = (values) => values.indexOf(Math.max(...values));

/**
 * The answer of each kind of head, from the last states.
 *
 * classification: {shares, best}: a share or number for each label.
 * tagging: {words}: {start, end, tag, token} for each word; token is the position of its first piece, or -1.
 * spans: {score, nullScore, start, end, isWithout, starts, ends}: positions of tokens; probabilities of each token.
 */
const ANSWERS = {
  classification(explorer, model, states, head) {
    const shares = probabilities(classificationHead(model, states, head).data, head);
    return { shares, best: indexOfLargest(shares) };
  },
  tagging(explorer, model, states, head) {
    const logits = taggingHead(model, states);
    const tag = head.labels.includes("O") ? "O" : "_"; // of a word without a piece
    const words = wordsOf(explorer.state.first, explorer.tokenizer.unicode).map(([start, end], word) => ({
      start, end, tag, token: explorer.tokens.findIndex((token) => token.word === word),
    }));
    const read = words.map((_, word) => word).filter((word) => words[word].token >= 0);
    const follows = read.map((word, place) => word === 0 || word - 1 === read[place - 1]);
    const tags = bestTags(read.map((word) => row(logits, words[word].token)), follows, head);
    read.forEach((word, place) => Object.assign(words[word], { tag: head.labels[tags[place]], label: tags[place] }));
    return { words };
  },
  spans(explorer, model, states, head) {
    const logits = spanHead(model, states);
    const isContext = explorer.tokens.map((token) => token.type === 1 && token.word !== undefined);
    const span = bestSpan(logits, isContext, head);
    const nullScore = logits.data[0] + logits.data[1];
    const ofSide = (side) => softmax(Float32Array.from(isContext, (_, at) => logits.data[2 * at + side]));
    return {
      ...span, nullScore, isWithout: isWithoutAnswer(span.score, nullScore, head), starts: ofSide(0), ends: ofSide(1),
    };
  },
};

/** The answer of a fine-tuned run; null of a pretraining run. */
export function answerOf(explorer, model, states) {
  const [head] = explorer.data.heads;
  return head.kind in ANSWERS ? ANSWERS[head.kind](explorer, model, states, head) : null;
}

/** Of a tagger, the word that is chosen: that of the chosen token, or else the first one with a tag. */
export function chosenWord({ state, tokens, result }) {
  const { words } = result.answer;
  const chosen = words[tokens[state.selected].word];
  const read = words.filter(({ token }) => token >= 0);
  return chosen ?? read.find(({ tag }) => tag !== "O") ?? read[0];
}

/**
 * The score that is explained: {name, score, gradient} with the gradient at the last states; null if there is none.
 *
 * name: {key, values}: words, and what goes into them.
 */
export function explainedScore(explorer) {
  const { state, result, tokens, tokenizer } = explorer;
  const { model, output, answer } = result;
  const states = output.hiddenStates[output.hiddenStates.length - 1];
  const [head] = explorer.data.heads;
  if (head.kind === "masked_lm") {
    const [{ id }] = result.lens[result.lens.length - 1].top(1);
    const values = { piece: tokenizer.vocabulary[id], position: state.selected };
    return { name: { key: "heat.piece", values }, ...pieceScore(model, states, state.selected, id) };
  }
  if (head.kind === "classification") {
    const label = state.label ?? answer.best;
    const key = head.problem === "regression" ? "heat.number" : "heat.label";
    return { name: { key, values: { label: head.labels[label] } }, ...labelScore(model, states, head, label) };
  }
  if (head.kind === "tagging") {
    const word = chosenWord(explorer);
    if (!word) return null;
    const values = { tag: word.tag, word: textOf(state.first, word.start, word.end) };
    return { name: { key: "heat.tag", values }, ...tagScore(model, states, word.token, word.label) };
  }
  if (answer.score === -Infinity) return null;
  const [start, end] = answer.isWithout ? [0, 0] : [answer.start, answer.end];
  const values = answer.isWithout ? {} : { answer: textOf(state.second, tokens[start].start, tokens[end].end) };
  return { name: { key: answer.isWithout ? "heat.null" : "heat.span", values }, ...spanScore(model, states, start, end) };
}

/** Some characters of a text. */
export const textOf = (text, start, end) => Array.from(text).slice(start, end).join("");

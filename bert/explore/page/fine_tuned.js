// The heads of fine-tuned runs, and what bert/tasks/ makes of their scores.
import { dense, pooler } from "./model.js";
import { softmax, zeros } from "./tensors.js";

/** bert/heads/pooling.py, mean_states: the mean of all tokens' states, (1, hidden_size). */
export function meanStates(states) {
  const [tokens, size] = states.shape;
  const mean = zeros(1, size);
  states.data.forEach((value, at) => (mean.data[at % size] += value / tokens));
  return mean;
}

/** bert/heads/classification.py, BertForSequenceClassification.forward: a score for each label, (1, labels). */
export function classificationHead(model, states, head) {
  return dense(model, "classifier", head.pool === "mean" ? meanStates(states) : pooler(model, states));
}

/** bert/heads/classification.py, BertForSequenceClassification.probabilities; in a regression the number itself. */
export function probabilities(logits, head) {
  if (head.problem === "single_label_classification") return softmax(logits);
  if (head.problem === "regression") return logits;
  return logits.map((score) => 1 / (1 + Math.exp(-score)));
}

/** bert/heads/tagging.py, BertForTokenClassification.forward: a score for each label of each token, (tokens, labels). */
export function taggingHead(model, states) {
  return dense(model, "classifier", states);
}

/** bert/heads/spans.py, BertForQuestionAnswering.forward: each token's scores as an answer's start and end, (tokens, 2). */
export function spanHead(model, states) {
  return dense(model, "qa_outputs", states);
}

/**
 * bert/tasks/spans/predict.py, best_span: {score, start, end}, positions of tokens. Without a context the score is
 * -Infinity.
 *
 * logits: (tokens, 2). isContext: for each token whether it is a piece of the context.
 */
export function bestSpan(logits, isContext, head) {
  const starts = isContext.map((inside, at) => (inside ? logits.data[2 * at] : -Infinity));
  const ends = isContext.map((inside, at) => (inside ? logits.data[2 * at + 1] : -Infinity));
  const order = starts.map((_, at) => at).sort((a, b) => starts[b] - starts[a] || a - b);
  let best = { score: -Infinity, start: 0, end: 0 };
  for (const start of order.slice(0, head.candidates)) {
    const last = ends.slice(start, start + head.longest_answer);
    const end = start + last.indexOf(Math.max(...last));
    const score = starts[start] + ends[end];
    if (score > best.score) best = { score, start, end };
  }
  return best;
}

/** bert/tasks/spans/predict.py, answer_in_words: whether "no answer" leads by more than the run's threshold. */
export function isWithoutAnswer(score, nullScore, head) {
  return head.null_threshold !== null && nullScore - score > head.null_threshold;
}

const letterOf = (tag) => tag.split("-")[0];
const typeOf = (tag) => tag.slice(2);

/** bert/tasks/tagging/tag_sequences.py, goes_on: whether a tag I or E goes on with the entity before. */
const goesOn = (tag, before) => ["B", "I"].includes(letterOf(before)) && typeOf(before) === typeOf(tag);

/**
 * bert/tasks/tagging/predict.py, best_tags: the label's index of each word.
 *
 * scores: the labels' scores of each word. follows: whether the word before has a piece, too. If the run's tags fit
 * together, this is bert/tasks/tagging/tag_sequences.py, TagSequences.best: the sequence with the largest product of
 * probabilities.
 */
export function bestTags(scores, follows, head) {
  const indexOfLargest = (values) => values.indexOf(Math.max(...values));
  if (!head.fitting) return scores.map(indexOfLargest);
  const { labels } = head;
  const needsEntity = labels.map((label) => ["I", "E"].includes(letterOf(label)));
  const mayFollow = (tag, before) => !needsEntity[tag] || (before !== null && goesOn(labels[tag], labels[before]));
  let best = []; // of each tag: the score of the best sequence that ends in it
  const cameFrom = [];
  scores.forEach((ofWord, place) => {
    const goes = place > 0 && follows[place];
    const rest = place > 0 && !goes ? Math.max(...best) : 0;
    const from = labels.map((_, tag) => {
      if (place === 0) return null;
      const before = best.map((score, other) => (!goes || mayFollow(tag, other) ? score : -Infinity));
      return indexOfLargest(before);
    });
    best = labels.map((_, tag) => {
      if (!goes) return rest + ofWord[tag] + (mayFollow(tag, null) ? 0 : -Infinity);
      return ofWord[tag] + (mayFollow(tag, from[tag]) ? best[from[tag]] : -Infinity);
    });
    cameFrom.push(from);
  });
  const sequence = scores.length ? [indexOfLargest(best)] : [];
  for (let place = scores.length - 1; place > 0; place--) sequence.unshift(cameFrom[place][sequence[0]]);
  return sequence;
}

/**
 * bert/tasks/tagging/schemes.py, find_entities: {type, start, end} of each entity, in words; end is the word behind it.
 *
 * tags: the tag of each word.
 */
export function findEntities(tags) {
  const entities = [];
  let isOpen = false; // whether the entity before can go on
  tags.forEach((tag, place) => {
    if (tag === "O") {
      isOpen = false;
      return;
    }
    const letter = letterOf(tag);
    const last = entities[entities.length - 1];
    if (["I", "E"].includes(letter) && isOpen && last.type === typeOf(tag)) last.end = place + 1;
    else entities.push({ type: typeOf(tag), start: place, end: place + 1 });
    isOpen = letter === "B" || letter === "I";
  });
  return entities;
}

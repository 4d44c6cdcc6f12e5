// Box 2 of a run that answers questions: the answer in its context, and where it may begin and end.
import { textOf } from "../answers.js";
import { byId, element, pieceElement, visible } from "../elements.js";
import { percent, say } from "../words.js";

const MOST = 3;

/** Draws the box. */
export function answerView(explorer) {
  const [head] = explorer.data.heads;
  byId("answer").hidden = head.kind !== "spans";
  if (byId("answer").hidden) return () => {};
  byId("first-words").dataset.words = "answer.question";
  byId("second-words").dataset.words = "answer.context";
  return () => {
    const { state, tokens, result } = explorer;
    const { answer } = result;
    const hasSpan = answer.score > -Infinity;
    const [start, end] = hasSpan ? [tokens[answer.start].start, tokens[answer.end].end] : [0, 0];
    const shown = (text) => element("bdi", {}, text.replace(/[^\n\t]+/g, (line) => visible(line)));
    const part = (from, to) => shown(textOf(state.second, from, to));
    const marked = element(answer.isWithout ? "span" : "mark", {}, part(start, end));
    const around = [part(0, start), marked, part(end, undefined)];
    byId("context").replaceChildren(...(hasSpan ? around : [shown(state.second)]));
    const scores = { score: answer.score.toFixed(2), none: answer.nullScore.toFixed(2) };
    const note = !hasSpan ? "answer.no_context" : answer.isWithout ? "answer.none" : "answer.scores";
    byId("answer-note").textContent = say(note, scores);
    byId("answer-threshold").textContent =
      head.null_threshold === null ? say("answer.always") : say("answer.threshold", { threshold: head.null_threshold });
    drawEnds(explorer, "answer-starts", answer.starts);
    drawEnds(explorer, "answer-ends", answer.ends);
  };
}

/** The most probable tokens of one side. */
function drawEnds(explorer, id, shares) {
  const best = Array.from(shares, (_, at) => at).sort((a, b) => shares[b] - shares[a] || a - b).slice(0, MOST);
  byId(id).replaceChildren(
    ...best.map((at) => {
      const bar = element("div", { class: "bar" });
      bar.style.width = `${100 * shares[at]}%`;
      const name = pieceElement(explorer.tokens[at].piece, element("small", {}, ` ${at}`));
      return element("li", {}, name, element("div", {}, bar), element("span", { class: "number" }, percent(shares[at])));
    }),
  );
}

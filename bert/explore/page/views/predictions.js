// Box 2: the ten most probable pieces for the chosen token, and whether the second text follows the first.
import { byId, element, pieceElement } from "../elements.js";
import { percent, say, shown } from "../words.js";

const MOST = 10;

/** Draws the box. */
export function predictionsView(explorer) {
  byId("predictions").hidden = !explorer.hasHead("masked_lm");
  byId("next-sentence").hidden = !explorer.hasHead("next_sentence");
  return () => {
    if (explorer.result.lens) drawTop(explorer);
    if (explorer.result.next) drawNext(explorer);
  };
}

function drawTop(explorer) {
  const { state, result, tokenizer, tokens } = explorer;
  const { selected } = state;
  const last = result.lens[result.lens.length - 1];
  const isHidden = state.masked.has(selected);
  const isBlank = result.inputIds[selected] === tokenizer.mask;
  byId("predictions-lead").textContent = say(isBlank ? "predictions.blank" : "predictions.seen", { position: selected });
  byId("top").replaceChildren(
    ...last.top(MOST).map(({ id, probability }) => {
      const bar = element("div", { class: "bar" });
      bar.style.width = `${100 * probability}%`;
      const isTrue = id === tokens[selected].id;
      return element(
        "li",
        { class: isTrue ? "true" : "" },
        pieceElement(tokenizer.vocabulary[id]),
        element("div", {}, bar),
        element("span", { class: "number" }, percent(probability)),
      );
    }),
  );
  const { id, piece } = tokens[selected];
  const values = { rank: shown(last.rank(id)), share: percent(last.probability(id)) };
  byId("truth").replaceChildren(...(isHidden ? [say("predictions.was"), pieceElement(piece), say("predictions.rank", values)] : []));
}

function drawNext(explorer) {
  const { result, state } = explorer;
  const bar = element("div");
  bar.style.width = `${100 * result.next[0]}%`;
  const hasSecond = state.second.trim() !== "";
  byId("next-share").replaceChildren(...(hasSecond ? [bar] : []));
  byId("next-share").hidden = !hasSecond;
  byId("next-note").textContent = hasSecond
    ? say("next.note", { follows: percent(result.next[0]), random: percent(result.next[1]) })
    : say("next.none");
}

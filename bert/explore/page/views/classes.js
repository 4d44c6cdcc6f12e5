// Box 2 of a classifier: the probability of each class, or a regression's number. A click explains another class.
import { byId, element, pieceElement, redraw } from "../elements.js";
import { percent, say } from "../words.js";

const MOST = 10;

/** Draws the box. */
export function classesView(explorer) {
  const [head] = explorer.data.heads;
  byId("classes").hidden = head.kind !== "classification";
  if (byId("classes").hidden) return () => {};
  byId(head.pool === "mean" ? "formula-cls" : "formula-mean").remove();
  return () => {
    const { shares, best } = explorer.result.answer;
    const chosen = explorer.state.label ?? best;
    byId("classes-lead").textContent = say(`classes.${head.problem}`);
    const order = Array.from(shares, (_, label) => label).sort((a, b) => shares[b] - shares[a] || a - b);
    const shown = order.slice(0, MOST);
    if (!shown.includes(chosen)) shown.push(chosen);
    const isYes = (label) => (head.problem === "multi_label_classification" ? shares[label] > 0.5 : label === best);
    if (head.problem === "regression") redraw(byId("class-list"), element("li", { class: "one" }, shares[0].toPrecision(4)));
    else redraw(byId("class-list"), shown.map((label) => row(label, isYes(label))));
    const left = order.length - shown.length;
    byId("classes-left").textContent = left ? say("classes.left", { left }) : "";

    function row(label, isBest) {
      const bar = element("div", { class: "bar" });
      bar.style.width = `${100 * shares[label]}%`;
      const attributes = {
        type: "button",
        class: "class",
        "aria-pressed": String(label === chosen),
        "data-key": label,
        onclick: () => explorer.show({ label }),
      };
      return element(
        "li",
        { class: isBest ? "true" : "" },
        element("button", attributes, pieceElement(head.labels[label])),
        element("div", {}, bar),
        element("span", { class: "number" }, percent(shares[label])),
      );
    }
  };
}

// Box 8: how long the vectors of the residual stream are, and what each sublayer adds to them.
import { byId, element, svg } from "../elements.js";
import { norm, row } from "../tensors.js";
import { say } from "../words.js";

const HEIGHT = 150;
const BAR = 13;
const GROUP = 3 * BAR + 26;
const PARTS = ["x", "sublayer", "sum"];

/** For each sublayer the lengths of its input, its output and their sum, before LayerNorm. */
export function residualNorms(layers, index) {
  return layers.flatMap((layer) => [
    { name: "attention", norms: [layer.input, layer.attention.output, layer.attentionSum].map((each) => norm(row(each, index))) },
    { name: "forward", norms: [layer.middle, layer.forward.output, layer.forwardSum].map((each) => norm(row(each, index))) },
  ]);
}

/** Draws the box. */
export function normsView(explorer) {
  return () => {
    const groups = residualNorms(explorer.result.output.layers, explorer.state.selected);
    const largest = Math.max(...groups.flatMap(({ norms }) => norms));
    const bars = groups.flatMap(({ name, norms }, index) => {
      const left = 13 + index * GROUP;
      const middle = left + 1.5 * BAR;
      return [
        ...norms.map((value, part) => {
          const height = (value / largest) * HEIGHT;
          const bar = { class: `norm-${PARTS[part]}`, x: left + part * BAR, y: 18 + HEIGHT - height, width: BAR - 1, height };
          return svg("rect", bar, svg("title", {}, `${say(`norms.${PARTS[part]}`)}: ${value.toFixed(2)}`));
        }),
        svg("text", { class: "quiet", x: middle, y: 12 + HEIGHT - (Math.max(...norms) / largest) * HEIGHT, "text-anchor": "middle" }, norms[2].toFixed(1)),
        svg("text", { class: "quiet", x: middle, y: HEIGHT + 34, "text-anchor": "middle" }, say(`norms.${name}`)),
        ...(name === "attention" ? [svg("text", { class: "quiet", x: middle + GROUP / 2, y: HEIGHT + 52, "text-anchor": "middle" }, say("lens.layer", { layer: index / 2 + 1 }))] : []),
      ];
    });
    const [width, height] = [8 + groups.length * GROUP, HEIGHT + 58];
    const axis = svg("line", { class: "axis", x1: 0, x2: width, y1: 18 + HEIGHT, y2: 18 + HEIGHT });
    const label = groups.map(({ name, norms }, index) => `${say("lens.layer", { layer: Math.floor(index / 2) + 1 })} ${say(`norms.${name}`)}: ${norms.map((value) => value.toFixed(1)).join(", ")}`);
    byId("norm-bars").replaceChildren(
      svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label.join("; ") }, axis, bars),
    );
    byId("norm-legend").replaceChildren(...PARTS.flatMap((part) => [element("span", { class: `key norm-${part}` }), say(`norms.${part}`)]));
  };
}

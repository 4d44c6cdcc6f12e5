// The replay: a slider over the checkpoints that the run kept, and the run's curve below it.
import { byId, redraw, svg } from "../elements.js";
import { say, shown } from "../words.js";

const HEIGHT = 130;
const EDGE = 8; // half of the slider's thumb: the first and the last checkpoint stand there
const PAUSE = 900; // milliseconds between two checkpoints

/** Draws the slider and the curve; listens to both. */
export function replayView(explorer) {
  const { steps, curves } = explorer.data;
  byId("replay").hidden = steps.length === 0;
  if (steps.length === 0) return () => {};
  const slider = byId("update");
  let timer = null;
  slider.max = steps.length - 1;
  slider.addEventListener("input", () => {
    stop();
    explorer.show({ checkpoint: Number(slider.value) });
  });

  function stop() {
    clearInterval(timer);
    timer = null;
  }

  byId("play").addEventListener("click", () => {
    if (timer !== null) {
      stop();
      explorer.show();
      return;
    }
    const isAtEnd = explorer.state.checkpoint === steps.length - 1;
    explorer.show({ checkpoint: isAtEnd ? 0 : explorer.state.checkpoint + 1 });
    timer = setInterval(() => {
      if (explorer.state.checkpoint >= steps.length - 2) stop();
      explorer.show({ checkpoint: Math.min(explorer.state.checkpoint + 1, steps.length - 1) });
    }, PAUSE);
  });

  return () => {
    const { checkpoint } = explorer.state;
    const update = say("replay.update", { step: shown(steps[checkpoint]) });
    slider.value = checkpoint;
    slider.setAttribute("aria-valuetext", update);
    byId("step").textContent = update;
    byId("play").textContent = say(timer === null ? "replay.play" : "replay.stop");
    redraw(byId("curve"), curvePicture(steps, curves, checkpoint));
  };
}

/** Where an update stands on the slider: checkpoints stand at equal distances, the others between them. */
export function placeOf(step, steps) {
  if (step <= steps[0]) return 0;
  const after = steps.findIndex((other) => other >= step);
  if (after < 0) return steps.length - 1;
  return after - 1 + (step - steps[after - 1]) / (steps[after] - steps[after - 1]);
}

function curvePicture(steps, curves, checkpoint) {
  const width = byId("curve").clientWidth;
  const last = Math.max(steps.length - 1, 1);
  const x = (step) => EDGE + (placeOf(step, steps) / last) * (width - 2 * EDGE);
  const [training = [], heldout = []] = [curves.masked_lm_loss, curves.heldout_masked_lm_loss];
  const values = [...training, ...heldout].map(([, value]) => value);
  if (!values.length) return [];
  const [low, high] = [Math.min(...values) * 0.95, Math.max(...values)];
  const y = (value) => 16 + ((high - value) / (high - low || 1)) * (HEIGHT - 16);
  const path = (points) => `M${points.map(([step, value]) => `${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("L")}`;
  const now = x(steps[checkpoint]);
  const ticks = steps.flatMap((step, index) => {
    const anchor = index === 0 ? "start" : index === steps.length - 1 ? "end" : "middle";
    const every = Math.ceil((56 * steps.length) / width); // so that names do not touch each other
    const isShown = index === steps.length - 1 || (index % every === 0 && index + every < steps.length);
    const at = index === 0 ? 0 : index === steps.length - 1 ? width : x(step);
    return [
      svg("line", { class: "axis", x1: x(step), x2: x(step), y1: 16, y2: HEIGHT + 4 }),
      ...(isShown ? [svg("text", { class: "quiet", x: at, y: HEIGHT + 20, "text-anchor": anchor }, shown(step))] : []),
    ];
  });
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT + 26}`, width, height: HEIGHT + 26, role: "img", "aria-label": say("replay.curve") },
    ticks,
    ...(training.length ? [svg("path", { class: "curve-training", d: path(training) })] : []),
    ...(heldout.length ? [svg("path", { class: "curve-heldout", d: path(heldout) })] : []),
    ...heldout.map(([step, value]) => svg("circle", { class: "dot", cx: x(step), cy: y(value), r: 2.6 })),
    svg("line", { class: "curve-now", x1: now, x2: now, y1: 10, y2: HEIGHT + 4 }),
    svg("text", { class: "quiet", x: EDGE + 3, y: 13 }, high.toFixed(1)),
    svg("text", { class: "quiet", x: EDGE + 3, y: HEIGHT }, low.toFixed(1)),
  );
}

// The derivatives of the activations in tensors.js.
import { erf } from "./tensors.js";

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const density = (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/** GELU is x * P(x), with P the normal distribution: P(x) + x * density(x) */
const gelu = (x) => 0.5 * (1 + erf(x / Math.SQRT2)) + x * density(x);

/** x * sigmoid(slope * x) */
const swish = (slope) => (x) => {
  const share = sigmoid(slope * x);
  return share + slope * x * share * (1 - share);
};

function tanhGelu(x) {
  const factor = Math.sqrt(2 / Math.PI);
  const tanh = Math.tanh(factor * (x + 0.044715 * x ** 3));
  return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * factor * (1 + 3 * 0.044715 * x * x);
}

const OTHER_DERIVATIVES = {
  gelu_10: (x) => (x < 10 ? gelu(x) : 0),
  quick_gelu: swish(1.702),
  relu: (x) => (x > 0 ? 1 : 0),
  silu: swish(1),
  swish: swish(1),
};

/** The derivative of the function that bert/activations.py, activation gives for a configuration's hidden_act. */
export function derivative(name) {
  if (name in OTHER_DERIVATIVES) return OTHER_DERIVATIVES[name];
  return name === "gelu" || name === "gelu_python" ? gelu : tanhGelu;
}

// The few operations that a BERT is made of. A tensor is {shape, data}: a list of sizes, and its numbers row by row.

export const zeros = (...shape) => ({ shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) });

/** The row of a matrix (rows, columns), without a copy: (columns,) */
export const row = ({ shape, data }, index) => data.subarray(index * shape[1], (index + 1) * shape[1]);

/** Some rows of a matrix, as PyTorch's nn.Embedding looks them up: (indices, columns) */
export function rows(matrix, indices) {
  const result = zeros(indices.length, matrix.shape[1]);
  indices.forEach((index, at) => result.data.set(row(matrix, index), at * matrix.shape[1]));
  return result;
}

/** The sum of tensors of the same shape. */
export function add(first, ...others) {
  const data = first.data.slice();
  for (const other of others) for (let at = 0; at < data.length; at++) data[at] += other.data[at];
  return { shape: first.shape, data };
}

/** The product of two vectors, each a part of an array of numbers. */
export function dot(a, aStart, b, bStart, length) {
  let sum = 0;
  for (let at = 0; at < length; at++) sum += a[aStart + at] * b[bStart + at];
  return sum;
}

/**
 * PyTorch's nn.Linear, states @ weight^T + bias: (tokens, inputs), (outputs, inputs), (outputs,) -> (tokens, outputs)
 *
 * Four outputs at a time, so that each number of a token is read once for all four: 1.4 times as fast as ``dot``.
 */
export function linear(states, weight, bias) {
  const [tokens, inputs] = states.shape;
  const outputs = weight.shape[0];
  const result = zeros(tokens, outputs);
  const [x, w] = [states.data, weight.data];
  for (let output = 0; output < outputs; output += 4) {
    const those = [0, 1, 2, 3].map((more) => Math.min(output + more, outputs - 1)); // the last one may come again
    const [first, second, third, fourth] = those.map((each) => each * inputs);
    for (let token = 0; token < tokens; token++) {
      const start = token * inputs;
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      for (let at = 0; at < inputs; at++) {
        const value = x[start + at];
        a += value * w[first + at];
        b += value * w[second + at];
        c += value * w[third + at];
        d += value * w[fourth + at];
      }
      const sums = [a, b, c, d];
      for (let each = 0; each < 4; each++) result.data[token * outputs + those[each]] = sums[each] + bias.data[those[each]];
    }
  }
  return result;
}

/** PyTorch's nn.LayerNorm: (x - mean) / sqrt(variance + eps) * weight + bias, for each token alone. */
export function layerNorm(states, weight, bias, eps) {
  const [tokens, size] = states.shape;
  const result = zeros(tokens, size);
  for (let token = 0; token < tokens; token++) {
    const values = row(states, token);
    const mean = values.reduce((sum, value) => sum + value, 0) / size;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size;
    const scale = 1 / Math.sqrt(variance + eps);
    for (let at = 0; at < size; at++)
      result.data[token * size + at] = (values[at] - mean) * scale * weight.data[at] + bias.data[at];
  }
  return result;
}

/** exp(x) / sum of exp(x), for numbers in an array; the largest is subtracted first, so that none overflows. */
export function softmax(scores) {
  const largest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(scores, (score) => Math.exp(score - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return Float32Array.from(powers, (power) => power / sum);
}

/** The length of a vector: the square root of the sum of squares. */
export const norm = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

/** A function of one number, applied to each number of a tensor. */
export const apply = ({ shape, data }, change) => ({ shape, data: data.map(change) });

/** The error function, within 2e-7 (Abramowitz and Stegun 1964, formula 7.1.26). JavaScript has none. */
export function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

const gelu = (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));
const tanhGelu = (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const OTHER_ACTIVATIONS = {
  gelu_10: (x) => Math.min(gelu(x), 10),
  quick_gelu: (x) => x * sigmoid(1.702 * x),
  relu: (x) => Math.max(x, 0),
  silu: (x) => x * sigmoid(x),
  swish: (x) => x * sigmoid(x),
};

/** bert/activations.py, activation: the function that a configuration's hidden_act names. */
export function activation(name) {
  if (name in OTHER_ACTIVATIONS) return OTHER_ACTIVATIONS[name];
  return name === "gelu" || name === "gelu_python" ? gelu : tanhGelu;
}

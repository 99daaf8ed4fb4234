/** From the values of an output to the probabilities of classes, as its content says. */

const CLASSES = ['logits', 'probabilities', 'independent probabilities'];

/**
 * Finds the output that answers which class a picture is of.
 *
 * @param {{content: string, shape: number[], labels: string[]}[]} outputs What a contract says of them.
 * @return {Object|undefined} The first output with labels, or else the first with classes.
 */
export function answer(outputs) {
  const able = outputs.filter(({content, shape}) => CLASSES.includes(content) && shape.length > 1 &&
    shape.slice(1, -1).every((size) => size === 1));
  return able.find(({labels}) => labels) ?? able[0];
}

/**
 * Brings an output to probabilities. A softmax is taken of logits, and of nothing else. One value
 * alone is, or through a sigmoid becomes, the probability of yes.
 *
 * @param {TypedArray} values
 * @param {string} content
 * @return {number[]} One for each class; of one value two, of no and of yes.
 */
export function probabilities(values, content) {
  const given = Array.from(values);
  if (content === 'logits') return softmax(given.length === 1 ? [0, ...given] : given);
  return given.length === 1 ? [1 - given[0], given[0]] : given;
}

/**
 * Gives each class its name, likeliest first.
 *
 * @param {number[]} shares As `probabilities` makes them.
 * @param {string[]|undefined} labels Names of the classes, or that of yes alone; without them
 *     classes have their numbers.
 * @return {{label: string, probability: number}[]}
 */
export function named(shares, labels = shares.map((_, i) => String(i))) {
  return shares.slice(shares.length - labels.length)
    .map((probability, i) => ({label: labels[i], probability}))
    .sort((a, b) => b.probability - a.probability);
}

function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

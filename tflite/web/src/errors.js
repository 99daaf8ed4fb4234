/** One way to phrase every error: the rule, what came in, what to do. */

/** An error that the person before the page can mend. */
export class Explained extends Error {
  /**
   * @param {string} rule What must hold.
   * @param {Object} received Every value that the rule speaks of, under its own name.
   * @param {string} fix What to do about it, as the end of a sentence.
   */
  constructor(rule, received, fix) {
    const seen = Object.entries(received)
      .map(([name, value]) => `${name}=${JSON.stringify(value, short) ?? 'none'}`).join(', ');
    super(`${rule}. Received: ${seen}. To fix: ${fix}.`);
  }
}

function short(_, value) {
  return Number.isFinite(value) && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}

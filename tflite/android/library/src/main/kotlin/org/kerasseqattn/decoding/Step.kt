package org.kerasseqattn.decoding

/** Reads one more token of each of several beginnings. */
internal fun interface Step {
    /**
     * Reads tokens.
     *
     * @param tokens the token of each beginning, `(W)`
     * @param parents which of the beginnings of the last call each of them continues, `(W)`; at first all continue 0
     * @return logits of the next token, `(W, V)`; they hold until the next call
     */
    fun next(tokens: List<Int>, parents: List<Int>): List<FloatArray>
}

/**
 * A sequence that was written.
 *
 * @property tokens the end included
 * @property score log-probability; of a beam search divided by the length penalty
 */
internal data class Decoded(val tokens: List<Int>, val score: Float)

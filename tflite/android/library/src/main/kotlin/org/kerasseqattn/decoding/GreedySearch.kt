package org.kerasseqattn.decoding

import org.kerasseqattn.contract.Writing

/**
 * Writes the likeliest token, again and again, as `keras_seqattn.decoding.greedy` does.
 *
 * @param onToken called with the tokens so far after each of them
 *
 * Cost: at most `maxLength` steps of one beginning.
 */
internal fun greedy(step: Step, writing: Writing, onToken: (List<Int>) -> Unit = {}): Decoded {
    var tokens = emptyList<Int>()
    var score = 0f
    while (tokens.size < writing.maxLength && tokens.lastOrNull() !in writing.ends) {
        val gained = LogSoftmax(step.next(listOf(tokens.lastOrNull() ?: writing.start), listOf(0)).single())
        val token = gained.likeliest()
        score += gained[token]
        tokens += token
        onToken(tokens)
    }
    return Decoded(tokens, score)
}

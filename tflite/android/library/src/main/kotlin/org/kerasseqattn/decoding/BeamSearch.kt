package org.kerasseqattn.decoding

import kotlin.math.pow
import org.kerasseqattn.contract.Writing

/**
 * Follows the `beamWidth` likeliest beginnings and returns the best finished sequence, as `keras_seqattn.decoding.beam` does.
 *
 * Each beginning is continued by every token. Of the best `W` continuations those that end are put aside with their score.
 * The best that do not end are followed. The search stops when no beginning can overtake the worst of the `W` best
 * finished sequences.
 *
 * @param onToken called with the tokens of the likeliest beginning after each step
 *
 * Cost: at most `maxLength` steps of `W` beginnings.
 * Paper: Wu et al. 2016, section 7.
 */
internal fun beam(step: Step, writing: Writing, onToken: (List<Int>) -> Unit = {}): Decoded {
    val width = writing.beamWidth
    var beginnings = listOf(Beginning(emptyList(), 0f, 0))
    var finished = emptyList<Decoded>()
    for (length in 1..writing.maxLength) {
        val logits = step.next(beginnings.map { it.tokens.lastOrNull() ?: writing.start }, beginnings.map { it.parent })
        val candidates = continued(beginnings, logits.map(::LogSoftmax), logits.first().size, 2 * width)
        fun ends(candidate: Beginning) = candidate.tokens.last() in writing.ends || length == writing.maxLength
        finished = (finished + candidates.take(width).filter(::ends).map { Decoded(it.tokens, it.score / penalty(length, writing)) })
            .sortedByDescending { it.score }.take(width)
        beginnings = candidates.filterNot(::ends).take(width)
        if (beginnings.isEmpty()) break
        onToken(beginnings.first().tokens)
        if (finished.size == width && beginnings.first().score / penalty(writing.maxLength, writing) <= finished.last().score) break
    }
    return finished.first()
}

/**
 * Tokens that may be continued.
 *
 * @property score log-probability
 * @property parent place of the beginning that this one continues
 */
private class Beginning(val tokens: List<Int>, val score: Float, val parent: Int)

/** The best continuations, best first; of equal ones that of the first beginning, then that by the first token. */
private fun continued(beginnings: List<Beginning>, gained: List<LogSoftmax>, vocabSize: Int, count: Int): List<Beginning> {
    val best = Best(count)
    for ((parent, beginning) in beginnings.withIndex()) {
        for (token in 0 until vocabSize) best.offer(parent * vocabSize + token, beginning.score + gained[parent][token])
    }
    return List(best.size) {
        val parent = best.places[it] / vocabSize
        Beginning(beginnings[parent].tokens + best.places[it] % vocabSize, best.scores[it], parent)
    }
}

/** The `count` best of the scores that were offered, best first; of equal ones the earlier. */
private class Best(private val count: Int) {
    val places = IntArray(count)
    val scores = FloatArray(count)
    var size = 0
        private set

    fun offer(place: Int, score: Float) {
        if (size == count && score <= scores[count - 1]) return
        var at = if (size < count) size++ else count - 1
        while (at > 0 && score > scores[at - 1]) {
            places[at] = places[at - 1]
            scores[at] = scores[at - 1]
            at--
        }
        places[at] = place
        scores[at] = score
    }
}

/** Wu et al. 2016, equation 14. */
private fun penalty(length: Int, writing: Writing): Float = ((5f + length) / 6f).pow(writing.lengthPenalty.toFloat())

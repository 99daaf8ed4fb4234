package org.kerasseqattn.text

import java.util.PriorityQueue

/**
 * Pairs of tokens that are joined within a piece, the first pair first (Sennrich et al. 2016, section 3.2).
 *
 * Cost: `O(n log n)` for a piece of `n` characters.
 */
internal class Merges(pairs: List<Pair<String, String>>) {
    private val ranks = pairs.withIndex().associate { (rank, pair) -> pair to rank }

    val isEmpty: Boolean get() = ranks.isEmpty()

    /** Joins the earliest of the pairs wherever it stands, from left to right, again and again. */
    fun join(piece: String): List<String> {
        val parts = Parts(piece.codePoints().toArray().map { String(Character.toChars(it)) })
        val waiting = PriorityQueue(compareBy<Place>({ it.rank }, { it.index }))
        fun wait(index: Int) = parts.pair(index)?.let(ranks::get)?.let { waiting += Place(it, index) }
        parts.indices.forEach(::wait)
        while (waiting.isNotEmpty()) {
            // All places of the pair come before the pairs that they make, even where these are earlier ones.
            val rank = waiting.first().rank
            val places = generateSequence { waiting.peek()?.takeIf { it.rank == rank }?.let { waiting.poll() } }.toList()
            for (place in places) {
                val pair = parts.pair(place.index)
                if (pair == null || ranks[pair] != rank) continue
                parts.join(place.index)
                wait(place.index)
                wait(parts.before(place.index))
            }
        }
        return parts.left()
    }

    private class Place(val rank: Int, val index: Int)
}

/** A chain of texts. Two joined ones stand at the index of the first. */
private class Parts(texts: List<String>) {
    private val texts: Array<String?> = texts.toTypedArray()
    private val next = IntArray(texts.size) { it + 1 }
    private val previous = IntArray(texts.size) { it - 1 }

    val indices: IntRange get() = texts.indices

    fun before(index: Int) = previous[index]

    /** The text at an index and the text behind it, or none if one of them is missing. */
    fun pair(index: Int): Pair<String, String>? {
        val first = texts.getOrNull(index) ?: return null
        return texts.getOrNull(next[index])?.let { first to it }
    }

    fun join(index: Int) {
        val second = next[index]
        texts[index] += texts[second].orEmpty()
        texts[second] = null
        next[index] = next[second]
        if (next[index] < texts.size) previous[next[index]] = index
    }

    fun left(): List<String> = texts.filterNotNull()
}

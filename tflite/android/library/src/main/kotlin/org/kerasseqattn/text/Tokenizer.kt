package org.kerasseqattn.text

import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject
import org.kerasseqattn.EdgeException

private val SPECIAL = listOf("<pad>", "<start>", "<end>", "<unknown>")
private const val PAD = 0
private const val START = 1
private const val END = 2
private const val UNKNOWN = 3

/**
 * Turns text into ids and back, as `keras_seqattn.data.tokenizer.Tokenizer` does. Any number of threads may call it.
 *
 * @param given texts of the ids from 4 on, or of all ids; `▁` stands for a space
 * @param pairs tokens that are joined within a piece, the first pair first; without them only whole pieces are known
 * @param wholeWords whether marks and joiners belong to words
 * @throws EdgeException if a token stands twice
 */
internal class Tokenizer(given: List<String>, pairs: List<Pair<String, String>> = emptyList(), private val wholeWords: Boolean = true) {
    private val tokens = if (given.take(SPECIAL.size) == SPECIAL) given else SPECIAL + given
    private val ids = tokens.withIndex().associate { (id, token) -> token to id }
    private val merges = Merges(pairs)

    init {
        if (ids.size != tokens.size) {
            throw EdgeException(
                "Tokens must differ from each other", mapOf("twice" to tokens.filterIndexed { id, token -> ids[token] != id }),
                "export the model again",
            )
        }
    }

    /** Number of tokens `V`. */
    val vocabSize: Int get() = tokens.size

    /** Returns the ids of a text, without start and end. What is not known becomes 3. */
    fun encode(text: String): List<Int> = pieces(text, wholeWords).flatMap(::encodePiece)

    /**
     * Returns the ids of a text as a model reads them: cut to what fits, with the end behind.
     *
     * @param maxLength largest number of ids, the end included
     */
    fun sequence(text: String, maxLength: Int): Sequence {
        val all = encode(text)
        val kept = all.take(maxLength - 1)
        return Sequence(kept + END, all.size - kept.size)
    }

    /** Returns the text of ids as far as the first of `ends`, without padding and start. */
    fun decode(ids: List<Int>, ends: Set<Int> = setOf(END)): String = ids.takeWhile { it !in ends }.filter { it != PAD && it != START }
        .joinToString("") { if (it == UNKNOWN) "\ufffd" else tokens[it] }
        .replace(SPACE, ' ').trim(::isSpace)

    /** Returns the pieces or characters of a text that have no token, in their order. */
    fun unknown(text: String): List<String> = pieces(text, wholeWords)
        .filter { it !in ids }
        .flatMap(::parts).filter { it !in ids }
        .map { it.trim(SPACE) }.distinct()

    /** Whether a token begins a word. */
    internal fun beginsWord(id: Int) = tokens[id].startsWith(SPACE)

    private fun encodePiece(piece: String): List<Int> = ids[piece]?.let(::listOf) ?: parts(piece).map { ids[it] ?: UNKNOWN }

    private fun parts(piece: String): List<String> = if (merges.isEmpty) listOf(piece) else merges.join(piece)

    /**
     * Ids of a text.
     *
     * @property dropped how many ids were cut off
     */
    data class Sequence(val ids: List<Int>, val dropped: Int)

    companion object {
        /**
         * Reads the JSON that `keras_seqattn.data.tokenizer.Tokenizer.to_json` wrote.
         *
         * @throws EdgeException if the text is something else
         */
        fun of(json: String): Tokenizer = try {
            val stored = JSONObject(json)
            val pairs = stored.getJSONArray("merges")
            Tokenizer(
                texts(stored.getJSONArray("tokens")),
                List(pairs.length()) { pairs.getJSONArray(it).run { getString(0) to getString(1) } },
                stored.optBoolean("whole_words", false), // Texts from before lack it: their words are cut at marks.
            )
        } catch (error: JSONException) {
            throw EdgeException(
                "A tokenizer must be JSON with `tokens` and `merges`", mapOf("error" to error.message), "export the model again", error,
            )
        }

        private fun texts(array: JSONArray): List<String> = List(array.length(), array::getString)
    }
}

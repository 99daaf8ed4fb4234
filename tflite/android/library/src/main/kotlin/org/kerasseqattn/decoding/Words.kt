package org.kerasseqattn.decoding

import org.kerasseqattn.text.Tokenizer

/** Tells the text so far whenever a word is whole. */
internal class Words(private val tokenizer: Tokenizer, private val ends: Set<Int>, private val onWord: (String) -> Unit) {
    private var told = ""

    /** Takes the tokens so far. Their last word is whole when another one begins. */
    fun add(tokens: List<Int>) = tell(tokens.take(tokens.indexOfLast(tokenizer::beginsWord).coerceAtLeast(0)))

    /** Takes all tokens. */
    fun finish(tokens: List<Int>) = tell(tokens)

    private fun tell(tokens: List<Int>) {
        val text = tokenizer.decode(tokens, ends)
        if (text != told) onWord(text)
        told = text
    }
}

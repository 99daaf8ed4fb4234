package org.kerasseqattn.decoding

import org.junit.Assert.assertEquals
import org.junit.Test
import org.kerasseqattn.text.Tokenizer

class WordsTest {
    private val tokenizer = Tokenizer(listOf("▁low", "er", "▁est", "!"))

    private fun told(vararg steps: List<Int>): List<String> {
        val told = mutableListOf<String>()
        val words = Words(tokenizer, setOf(2), told::add)
        steps.dropLast(1).forEach(words::add)
        words.finish(steps.last())
        return told
    }

    @Test
    fun `a word is told when the next one begins, and the last at the end`() {
        val steps = (1..5).map { listOf(4, 5, 6, 7, 2).take(it) }
        assertEquals(listOf("lower", "lower est!"), told(*steps.toTypedArray()))
    }

    @Test
    fun `a text is told once`() {
        assertEquals(listOf("low", "low low"), told(listOf(4), listOf(4, 4), listOf(4, 4, 5), listOf(4, 4)))
    }

    @Test
    fun `nothing is told of an empty text`() {
        assertEquals(emptyList<String>(), told(listOf(2)))
    }
}

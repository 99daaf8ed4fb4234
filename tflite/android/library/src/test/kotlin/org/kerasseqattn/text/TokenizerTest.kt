package org.kerasseqattn.text

import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerasseqattn.EdgeException
import org.kerasseqattn.numbers
import org.kerasseqattn.objects
import org.kerasseqattn.texts

class TokenizerTest {
    private val fixtures = objects("writing/tokenizers.json").map { Tokenizer.of(it.getString("tokenizer")) to it.objects("texts") }

    private fun each(check: (Tokenizer, JSONObject, String) -> Unit) {
        for ((tokenizer, texts) in fixtures) for (each in texts) check(tokenizer, each, each.getString("text"))
    }

    @Test
    fun `ids are Python's, with sub-words, with whole words and with tangled merges`() {
        each { tokenizer, python, text -> assertEquals(text, python.numbers("ids"), tokenizer.encode(text)) }
        assertTrue(fixtures.sumOf { it.second.size } > 1_200)
    }

    @Test
    fun `what is unknown is named as Python names it`() {
        each { tokenizer, python, text -> assertEquals(text, python.texts("unknown"), tokenizer.unknown(text)) }
    }

    @Test
    fun `decoded ids are Python's text`() {
        each { tokenizer, python, text -> assertEquals(text, python.getString("decoded"), tokenizer.decode(python.numbers("ids"))) }
    }

    @Test
    fun `a long text is cut as Python cuts it`() {
        each { tokenizer, python, text ->
            val cut = python.getJSONArray("cut")
            val ids = cut.getJSONArray(0).let { List(it.length(), it::getInt) }
            assertEquals(text, Tokenizer.Sequence(ids, cut.getInt(1)), tokenizer.sequence(text, 13))
        }
    }

    @Test
    fun `decoding stops at the end, and leaves out padding and start`() {
        val tokenizer = Tokenizer(listOf("▁low", "er"))
        assertEquals("lower \ufffd".replace(" ", ""), tokenizer.decode(listOf(1, 0, 4, 5, 3, 2, 4)))
        assertEquals("lower", tokenizer.decode(listOf(1, 4, 5, 6, 2), setOf(2, 6)))
    }

    @Test
    fun `special tokens stand first, given or not`() {
        assertEquals(6, Tokenizer(listOf("a", "b")).vocabSize)
        assertEquals(5, Tokenizer(listOf("<pad>", "<start>", "<end>", "<unknown>", "a")).vocabSize)
    }

    @Test
    fun `a token that stands twice is refused by its name`() {
        val error = assertThrows(EdgeException::class.java) { Tokenizer(listOf("a", "b", "a")) }
        assertTrue(error.message, error.message!!.contains("twice=[a]"))
    }

    @Test
    fun `other JSON is refused`() {
        val others = listOf("", "[]", "{}", """{"tokens": ["a"]}""", """{"tokens": ["a"], "merges": [["a"]]}""",
            """{"tokens": 7, "merges": []}""")
        for (text in others) {
            val error = assertThrows(text, EdgeException::class.java) { Tokenizer.of(text) }
            assertTrue(error.message, error.message!!.contains("export the model again"))
        }
    }
}

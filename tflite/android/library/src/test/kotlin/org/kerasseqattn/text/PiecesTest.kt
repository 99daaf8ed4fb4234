package org.kerasseqattn.text

import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerasseqattn.fixture

class PiecesTest {
    private val python = JSONObject(fixture("writing/characters.json").readText())

    @Test
    fun `a word begins with its space, and other characters stand alone`() {
        assertEquals(listOf("▁Go", "▁on", ",", "▁Tom", "!"), pieces("Go on, Tom!"))
    }

    @Test
    fun `a mark or a joiner belongs to its word, but not for a tokenizer from before`() {
        assertEquals(listOf("▁é"), pieces("e\u0301"))
        assertEquals(listOf("▁q\u0301q"), pieces("q\u0301q"))
        assertEquals(listOf("▁q", "\u0301", "q"), pieces("q\u0301q", wholeWords = false))
        assertEquals(listOf("▁a\u200cb"), pieces("a\u200cb"))
        assertEquals(listOf("▁!", "\u0301"), pieces("!\u0301"))
    }

    @Test
    fun `marks are Python's, over all code points of both Unicodes`() {
        val mark = flags("mark")
        val unassigned = flags("unassigned")
        val known = mark.indices.filter { !unassigned[it] && Character.getType(it) != Character.UNASSIGNED.toInt() }
        assertEquals(emptyList<Int>(), known.filter { isMark(it) != mark[it] })
        assertTrue(known.count { mark[it] } > 2_000)
    }

    @Test
    fun `a mark of spaces in the text goes with what follows`() {
        assertEquals(listOf("▁▁"), pieces("▁"))
        assertEquals(listOf("▁a", "▁"), pieces("a▁"))
        assertEquals(listOf("▁▁", "a"), pieces("▁a"))
        assertEquals(listOf("▁a", "▁!"), pieces("a▁!"))
    }

    @Test
    fun `a character of two halves is one`() {
        assertEquals(listOf("▁😀", "😀"), pieces("😀😀"))
        assertEquals(listOf("▁\ud835\udcb3\ud835\udfd9"), pieces("\ud835\udcb3\ud835\udfd9"))
    }

    @Test
    fun `words are made of what Python's word class has, over all code points of both Unicodes`() {
        val word = flags("word")
        val unassigned = flags("unassigned")
        val known = word.indices.filter { !unassigned[it] && Character.getType(it) != Character.UNASSIGNED.toInt() }
        assertEquals(emptyList<Int>(), known.filter { isWord(it) != word[it] })
        assertTrue(known.count { word[it] } > 130_000)
    }

    @Test
    fun `a character that one of the two Unicodes does not have is no part of a word there`() {
        val word = flags("word")
        val unassigned = flags("unassigned")
        for (code in word.indices) {
            if (Character.getType(code) == Character.UNASSIGNED.toInt()) assertEquals(false, isWord(code))
            if (unassigned[code]) assertEquals(false, word[code])
        }
    }

    @Test
    fun `white space is Python's, over all code points`() {
        val space = flags("space")
        assertEquals(emptyList<Int>(), space.indices.filter { (it <= Char.MAX_VALUE.code && isSpace(it.toChar())) != space[it] })
        for (code in space.indices.filter { space[it] }) assertEquals(listOf("▁a", "▁b"), pieces("a${code.toChar()}b"))
    }

    private fun flags(name: String): BooleanArray {
        val flags = BooleanArray(Character.MAX_CODE_POINT + 1)
        val ranges = python.getJSONArray(name)
        for (i in 0 until ranges.length()) ranges.getJSONArray(i).let { flags.fill(true, it.getInt(0), it.getInt(1) + 1) }
        return flags
    }
}

package org.kerasseqattn.text

import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

class MergesTest {
    @Test
    fun `the earliest pair is joined first, from left to right`() {
        val merges = Merges(listOf("b" to "c", "a" to "b", "a" to "a"))
        assertEquals(listOf("a", "bc"), merges.join("abc"))
        assertEquals(listOf("aa", "a"), merges.join("aaa"))
    }

    @Test
    fun `a pair is joined everywhere before the pairs that this makes`() {
        val merges = Merges(listOf("ab" to "a", "a" to "b"))
        assertEquals(listOf("ab", "ab"), merges.join("abab"))
        assertEquals(listOf("aba"), merges.join("aba"))
    }

    @Test
    fun `a character of two halves is joined whole`() {
        assertEquals(listOf("😀😀", "x"), Merges(listOf("😀" to "😀")).join("😀😀x"))
    }

    @Test
    fun `nothing is joined without pairs`() {
        assertTrue(Merges(emptyList()).isEmpty)
        assertEquals(listOf("a", "b"), Merges(emptyList()).join("ab"))
    }
}

package org.kerasseqattn.decoding

import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerasseqattn.EdgeException
import org.kerasseqattn.contract.Writing
import org.kerasseqattn.numbers
import org.kerasseqattn.objects

private const val ROUNDING = 1e-5f // of sums of at most 9 float32 logarithms

class SearchTest {
    private val searches = objects("writing/searches.json")

    @Test
    fun `greedy search writes what Python's writes, ties included`() {
        for (search in searches) check(search.getJSONObject("greedy"), greedy(Table(search), writing(search)))
    }

    @Test
    fun `beam search writes what Python's writes, ties included`() {
        for (search in searches) check(search.getJSONObject("beam"), beam(Table(search), writing(search)))
        assertTrue(searches.count { it.getJSONObject("beam").numbers("tokens") != it.getJSONObject("greedy").numbers("tokens") } > 7)
    }

    @Test
    fun `a beam of one beginning writes what greedy search writes`() {
        for (search in searches) {
            val writing = writing(search).copy(beamWidth = 1, lengthPenalty = 0.0)
            val one = beam(Table(search), writing)
            val greedy = greedy(Table(search), writing)
            assertEquals(greedy.tokens, one.tokens)
            assertEquals(greedy.score, one.score, ROUNDING)
        }
    }

    @Test
    fun `a beam that holds everything finds the likeliest of all sequences`() {
        for (search in searches) {
            val writing = writing(search).copy(beamWidth = 7 * 7 * 7, maxLength = 3, lengthPenalty = 0.0)
            assertEquals(likeliest(search, writing), beam(Table(search), writing).score, ROUNDING)
        }
    }

    @Test
    fun `the tokens so far grow by one, and the last of greedy search are the answer`() {
        val told = mutableListOf<List<Int>>()
        val search = searches.first { it.getJSONObject("greedy").numbers("tokens").size > 3 }
        val decoded = greedy(Table(search), writing(search), told::add)
        assertEquals(decoded.tokens.indices.map { decoded.tokens.take(it + 1) }, told)
    }

    @Test
    fun `logits that are no numbers are refused`() {
        for (wrong in listOf(Float.NaN, Float.POSITIVE_INFINITY)) {
            val step = Step { tokens, _ -> tokens.map { floatArrayOf(0f, wrong, 1f) } }
            assertThrows(EdgeException::class.java) { greedy(step, writing(searches[0])) }
            assertThrows(EdgeException::class.java) { beam(step, writing(searches[0])) }
        }
    }

    private fun check(python: JSONObject, decoded: Decoded) {
        assertEquals(python.numbers("tokens"), decoded.tokens)
        assertEquals(python.getDouble("score").toFloat(), decoded.score, ROUNDING)
    }

    private fun writing(search: JSONObject) = Writing(
        source = "tokens", start = 1, ends = search.numbers("end").toSet(), vocabSize = 7, beamWidth = search.getInt("width"),
        lengthPenalty = search.getDouble("penalty"), maxLength = search.getInt("max_length"),
    )

    /** The largest log-probability, by trying every sequence. */
    private fun likeliest(search: JSONObject, writing: Writing, state: Int = 0, token: Int = 1, length: Int = 0): Float {
        if (length == writing.maxLength || (length > 0 && token in writing.ends)) return 0f
        val next = after(state, token)
        val gained = LogSoftmax(rows(search)[next])
        return (0 until 7).maxOf { gained[it] + likeliest(search, writing, next, it, length + 1) }
    }
}

private fun after(state: Int, token: Int) = (5 * state + token) % 11

private fun rows(search: JSONObject): List<FloatArray> =
    search.getJSONArray("table").let { all -> List(all.length()) { row(all.getJSONArray(it)) } }

private fun row(numbers: JSONArray) = FloatArray(numbers.length()) { numbers.getDouble(it).toFloat() }

/** A table of logits by states, as build/fixtures/writing.py tells. */
private class Table(search: JSONObject) : Step {
    private val rows = rows(search)
    private var states = listOf(0)

    override fun next(tokens: List<Int>, parents: List<Int>): List<FloatArray> {
        states = tokens.indices.map { after(states[parents[it]], tokens[it]) }
        return states.map(rows::get)
    }
}

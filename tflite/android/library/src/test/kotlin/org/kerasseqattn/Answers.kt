package org.kerasseqattn

import kotlin.math.abs
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue

internal val WRITERS = listOf("float32", "dynamic_wi8_afp32")
internal val WIDTHS = listOf(1, 4)

// Of log-probabilities. Two runtimes sum in different orders, and with int8 weights that moves single activations to the
// neighbouring int8 value.
private val TOLERANCES = mapOf("float32" to 1e-3f, "dynamic_wi8_afp32" to 0.1f)

/** Holds what was written against Python's answers, and counts the sequences that differ. */
internal class Answers(private val precision: String, private val width: Int) {
    private val differing = mutableListOf<String>()
    private var count = 0

    fun check(name: String, python: JSONObject, written: Written) {
        val expected = python.getJSONObject("$precision $width")
        val score = expected.getDouble("score").toFloat()
        val error = abs(score - written.score)
        assertTrue("$name: score ${written.score} for $score", error <= TOLERANCES.getValue(precision))
        val equal = expected.numbers("tokens") == written.tokens
        if (equal) assertEquals(name, expected.getString("text"), written.text) else differing += name
        count++
    }

    /** At most `few` of `all` sequences may differ, each with a score within the precision's tolerance. */
    fun end(all: Int, few: Int) {
        println("$precision, beam $width: ${differing.size} of $count sequences differ from Python's $differing")
        assertEquals(all, count)
        assertTrue("$differing", differing.size <= few)
    }
}

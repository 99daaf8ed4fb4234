package org.kerasseqattn

import kotlin.math.ln
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test
import org.kerasseqattn.contract.Output
import org.kerasseqattn.runtime.Tensor
import org.kerasseqattn.runtime.Type

class ClassesTest {
    private fun output(name: String, content: String, vararg shape: Int, labels: List<String>? = null, type: Type = Type.FLOAT32) =
        Output(Tensor(name, type, shape.toList()), content, labels)

    private fun shares(content: String, vararg values: Float) = probabilities(values, content)

    @Test
    fun `a softmax is taken of logits alone`() {
        assertArrayEquals(doubleArrayOf(0.25, 0.75), shares("logits", 0f, ln(3f)), 1e-7)
        assertArrayEquals(doubleArrayOf(0.2, 0.8), shares("probabilities", 0.2f, 0.8f), 1e-7)
        assertArrayEquals(doubleArrayOf(0.9, 0.8), shares("independent probabilities", 0.9f, 0.8f), 1e-7)
    }

    @Test
    fun `large logits do not overflow`() = assertArrayEquals(doubleArrayOf(0.0, 1.0), shares("logits", -1e30f, 1e30f), 0.0)

    @Test
    fun `one value is that of yes`() {
        assertArrayEquals(doubleArrayOf(0.1, 0.9), shares("independent probabilities", 0.9f), 1e-7)
        assertArrayEquals(doubleArrayOf(0.25, 0.75), shares("logits", ln(3f)), 1e-7)
    }

    @Test
    fun `classes are named, likeliest first, of equal ones the first`() {
        val found = named(doubleArrayOf(0.25, 0.5, 0.25), listOf("a", "b", "c"))
        assertEquals(listOf(Category("b", 0.5f, 1), Category("a", 0.25f, 0), Category("c", 0.25f, 2)), found)
        assertEquals(listOf("1", "0"), named(doubleArrayOf(0.4, 0.6), null).map { it.label })
        assertEquals(listOf(Category("dog", 0.875f, 0)), named(doubleArrayOf(0.125, 0.875), listOf("dog")))
    }

    @Test
    fun `the answer is the first output with labels, or else the first of classes`() {
        val features = output("features", "features", 1, 7)
        val plain = output("plain", "logits", 1, 5)
        val labelled = output("labelled", "probabilities", 1, 1, 1, 2, labels = listOf("a", "b"))
        assertEquals(labelled, answer(listOf(features, plain, labelled)))
        assertEquals(plain, answer(listOf(features, plain)))
        val bad = listOf(
            features, output("map", "logits", 1, 3, 5), output("flat", "logits", 5), output("steps", "logits", 1, 5, type = Type.INT8),
        )
        assertNull(answer(bad))
    }
}

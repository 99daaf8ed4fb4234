package org.kerasseqattn

import kotlin.math.exp
import org.kerasseqattn.contract.Output
import org.kerasseqattn.runtime.Type

private val CLASSES = listOf("logits", "probabilities", "independent probabilities")

/** A class of a model: its name, how likely it is, and its place among the classes. */
data class Category(val label: String, val score: Float, val index: Int)

/**
 * The output that answers which class an example is of: the first with labels, or else the first with classes. It is of
 * floats, as contracts do not tell the scale of integers.
 */
internal fun answer(outputs: List<Output>): Output? {
    val able = outputs.filter { it.content in CLASSES && it.tensor.type == Type.FLOAT32 && isOneAnswer(it.tensor.shape) }
    return able.find { it.labels != null } ?: able.firstOrNull()
}

private fun isOneAnswer(shape: List<Int>) = shape.size > 1 && shape.subList(1, shape.size - 1).all { it == 1 }

/**
 * Brings an output to probabilities. A softmax is taken of logits, and of nothing else. One value alone is, or through
 * a sigmoid becomes, the probability of yes; two come back then, of no and of yes.
 */
internal fun probabilities(values: FloatArray, content: String): DoubleArray {
    val given = DoubleArray(values.size) { values[it].toDouble() }
    if (content == "logits") return softmax(if (given.size == 1) doubleArrayOf(0.0, given[0]) else given)
    return if (given.size == 1) doubleArrayOf(1 - given[0], given[0]) else given
}

/** Gives each class its name, likeliest first; of equal ones the first. */
internal fun named(shares: DoubleArray, labels: List<String>?): List<Category> {
    val count = labels?.size ?: shares.size
    val from = shares.size - count
    return (0 until count).sortedByDescending { shares[from + it] }
        .map { Category(labels?.get(it) ?: it.toString(), shares[from + it].toFloat(), it) }
}

private fun softmax(logits: DoubleArray): DoubleArray {
    val largest = logits.max()
    val powers = DoubleArray(logits.size) { exp(logits[it] - largest) }
    val total = powers.sum()
    return DoubleArray(logits.size) { powers[it] / total }
}

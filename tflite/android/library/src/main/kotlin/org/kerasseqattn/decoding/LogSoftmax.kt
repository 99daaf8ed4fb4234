package org.kerasseqattn.decoding

import kotlin.math.exp
import kotlin.math.ln
import org.kerasseqattn.EdgeException

/** Turns logits into log-probabilities, each when it is asked for. */
internal class LogSoftmax(private val logits: FloatArray) {
    private val largest = logits.max()
    private val logSum = ln(logits.sumOf { exp((it - largest).toDouble()) }).toFloat()

    init {
        if (logSum.isNaN()) {
            throw EdgeException("Logits must be numbers", mapOf("logits" to logits.take(5)),
                "export the model again, or take another runtime")
        }
    }

    operator fun get(token: Int): Float = logits[token] - largest - logSum

    /** The likeliest token; of several the first. */
    fun likeliest(): Int = logits.indexOfFirst { it == largest }
}

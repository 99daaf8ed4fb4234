package org.kerasseqattn.runtime

import java.nio.ByteBuffer
import kotlin.math.abs
import org.kerasseqattn.EdgeException
import org.kerasseqattn.ModelFile
import org.kerasseqattn.contract.Input
import org.kerasseqattn.contract.Output
import org.kerasseqattn.contract.Signature
import org.kerasseqattn.hash
import org.kerasseqattn.picture.normalise

// Of the largest golden value. Runtimes sum in different orders, and in files with int8 weights that moves single
// activations to the neighbouring int8 value, 1/127 of the largest. Where activations have fixed ranges (`_ai8`, `_ai16`),
// runtimes also round differently, which shows most in the attention of the last block.
private const val TOLERANCE = 0.02f
private const val FIXED_TOLERANCE = 0.1f
private const val FIXED = "_ai"
private const val SHOWN = 5
private const val FACTOR = 2_654_435_761L

/** Runs a file on the input that its contract's golden outputs belong to. */
internal class SelfTest(private val file: ModelFile, private val runtimes: Runtimes, private val memory: Memory?) {
    private val key = "${file.sha256} ${runtimes.name} ${runtimes.version}"
    private val tolerance = if (FIXED in file.contract.precision) FIXED_TOLERANCE else TOLERANCE

    /**
     * Tests, unless the memory knows the file.
     *
     * @return milliseconds, or none for a file that is known
     * @throws EdgeException if an output differs
     */
    fun run(runtime: Runtime, main: Signature): Double? {
        if (memory?.holds(key) == true) return null
        val start = System.nanoTime()
        val inputs = file.contract.inputs.associate { it.tensor.name to goldenInput(it) }
        checkInput(inputs.values)
        val outputs = main.outputs.associate { it.name to it.buffer() }
        runtime.run(main.name, inputs, outputs)
        file.contract.outputs.forEach { check(it, floats(it.tensor, outputs.getValue(it.tensor.name))) }
        memory?.keep(key)
        return (System.nanoTime() - start) / 1e6
    }

    private fun checkInput(inputs: Collection<ByteBuffer>) {
        val found = hash(inputs)
        if (found != file.contract.golden.inputSha256) {
            throw EdgeException(
                "The golden input must have the SHA-256 that the contract names",
                mapOf("file" to file.name, "sha256" to found, "contract" to file.contract.golden.inputSha256), "export the file again",
            )
        }
    }

    private fun check(output: Output, actual: FloatArray) {
        val name = output.tensor.name
        val expected = file.contract.golden.outputs[name].orEmpty()
        if (expected.isEmpty() || expected.size > actual.size) {
            throw EdgeException(
                "The contract must have golden values of each output",
                mapOf("file" to file.name, "output" to name, "golden" to expected.size, "values" to actual.size), "export the file again",
            )
        }
        val limit = if (output.isCounted) 0f else tolerance * expected.maxOf(::abs)
        val error = expected.indices.maxOf { abs(expected[it] - actual[it]) }
        if (!(error <= limit)) {
            throw EdgeException(
                "The file must give its golden output on this device",
                mapOf(
                    "file" to file.name, "output" to name, "error" to error, "limit" to limit, "runtime" to runtimes.name,
                    "version" to runtimes.version, "expected" to expected.take(SHOWN), "actual" to actual.take(SHOWN),
                ),
                "export it with another precision, or take another runtime",
            )
        }
    }
}

/** Value `i` comes from the byte `(i · 2654435761 mod 2³²) >> 24`, as `keras_seqattn.edge.contract.pixels` tells. */
internal fun goldenInput(input: Input): ByteBuffer {
    val tensor = input.tensor
    val bytes = ByteArray(tensor.size) { ((it * FACTOR and 0xffffffffL) shr 24).toByte() }
    val buffer = tensor.buffer()
    when (tensor.type) {
        Type.FLOAT32 -> normalise(bytes, input, buffer)
        Type.INT8, Type.UINT8 -> buffer.put(bytes)
        Type.INT16 -> bytes.forEach { buffer.putShort((it.toInt() and 255).toShort()) }
        Type.BOOL -> bytes.forEach { buffer.put((it.toInt() and 1).toByte()) }
        Type.INT32 -> bytes.forEach { buffer.putInt(it.toInt() and 1) }
        Type.INT64 -> bytes.forEach { buffer.putLong((it.toInt() and 1).toLong()) }
    }
    return buffer.apply { clear() }
}

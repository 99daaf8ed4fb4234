package org.kerasseqattn.runtime

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.kerasseqattn.EdgeException

/** Types of numbers in tensors, under the names that contracts use. */
enum class Type(val bytes: Int) {
    FLOAT32(4), INT32(4), INT64(8), INT16(2), INT8(1), UINT8(1), BOOL(1);

    companion object {
        /** The type of a name such as `float32`, or none. */
        fun named(name: String): Type? = entries.find { it.name.equals(name, ignoreCase = true) }
    }
}

/**
 * What is known of a tensor of a signature.
 *
 * @property name its name in the signature, which is not its name in the graph
 */
data class Tensor(val name: String, val type: Type, val shape: List<Int>) {
    /** Number of values. */
    val size: Int get() = shape.fold(1, Int::times)

    /** Number of bytes. */
    val bytes: Int get() = size * type.bytes

    /**
     * A direct buffer of exactly the tensor's bytes, in the machine's byte order.
     *
     * @throws EdgeException if there is no memory left
     */
    fun buffer(): ByteBuffer = try {
        ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())
    } catch (error: OutOfMemoryError) {
        throw EdgeException("There must be memory for a tensor", mapOf("tensor" to name, "bytes" to bytes), "close other models", error)
    }
}

/** A loaded `.tflite` file. Only one thread at a time may call it; [Session] sees to that. */
interface Runtime : AutoCloseable {
    /** Names of the signatures. */
    fun signatures(): List<String>

    /** The inputs of a signature. */
    fun inputs(signature: String): List<Tensor>

    /** The outputs of a signature. */
    fun outputs(signature: String): List<Tensor>

    /**
     * Runs a signature once. Buffers are used from their start, whatever their position, which stays as it is.
     *
     * @param inputs a buffer for each input, as [Tensor.buffer] makes it
     * @param outputs a buffer for each output that is wanted
     */
    fun run(signature: String, inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>)

    /** Frees the file's memory. A second time does nothing. */
    override fun close()
}

/** A kind of [Runtime]. */
interface Runtimes {
    /** Its name for people. */
    val name: String

    /** The release of TensorFlow Lite whose ops it knows. */
    val version: Version

    /**
     * Loads a file.
     *
     * @param model the file's bytes, direct, which stay as they are until [Runtime.close]
     * @param threads CPU threads to run on
     * @throws RuntimeException for a file that it cannot run
     */
    fun open(model: ByteBuffer, threads: Int): Runtime
}

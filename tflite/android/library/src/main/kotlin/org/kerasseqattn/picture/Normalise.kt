package org.kerasseqattn.picture

import java.nio.ByteBuffer
import org.kerasseqattn.contract.Input
import org.kerasseqattn.runtime.Type

/** Writes 8-bit pixels into an input's buffer, from its start: as they are for integers, else `(pixel - mean) / std` in float32. */
internal fun normalise(pixels: ByteArray, input: Input, buffer: ByteBuffer) {
    buffer.clear()
    if (input.tensor.type != Type.FLOAT32) {
        buffer.put(pixels)
        return
    }
    val channels = input.tensor.shape.last()
    val means = FloatArray(channels) { input.mean.at(it, PLAIN) }
    val stds = FloatArray(channels) { input.std.at(it, PLAIN) }
    var channel = 0
    for (pixel in pixels) {
        buffer.putFloat(((pixel.toInt() and 255) - means[channel]) / stds[channel])
        if (++channel == channels) channel = 0
    }
}

private const val PLAIN = 127.5f // of a tensor that is no image: values from -1 to 1

private fun List<Float>.at(channel: Int, otherwise: Float) = getOrElse(if (size == 1) 0 else channel) { otherwise }

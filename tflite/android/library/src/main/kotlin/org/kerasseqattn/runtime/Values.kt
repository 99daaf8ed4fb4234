package org.kerasseqattn.runtime

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Values of a tensor as floats; integers as they are. */
internal fun floats(tensor: Tensor, buffer: ByteBuffer): FloatArray {
    val from = buffer.duplicate().order(ByteOrder.nativeOrder()).apply { clear() }
    return FloatArray(tensor.size) {
        when (tensor.type) {
            Type.FLOAT32 -> from.getFloat()
            Type.INT32 -> from.getInt().toFloat()
            Type.INT64 -> from.getLong().toFloat()
            Type.INT16 -> from.getShort().toFloat()
            Type.INT8, Type.BOOL -> from.get().toFloat()
            Type.UINT8 -> (from.get().toInt() and 255).toFloat()
        }
    }
}

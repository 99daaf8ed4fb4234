package org.kerasseqattn.picture

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.junit.Assert.assertEquals
import org.junit.Test
import org.kerasseqattn.contract.Input
import org.kerasseqattn.runtime.Tensor
import org.kerasseqattn.runtime.Type

class NormaliseTest {
    private val pixels = bytes(listOf(0, 100, 255, 51, 200, 3))

    @Test
    fun `each channel has its own mean and std`() {
        val buffer = buffer(24)
        normalise(pixels, input(Type.FLOAT32, listOf(0f, 50f, 5f), listOf(1f, 2f, 10f)), buffer)
        buffer.flip()
        assertEquals(listOf(0f, 25f, 25f, 51f, 75f, -0.2f), List(6) { buffer.getFloat() })
    }

    @Test
    fun `one mean and std serve all channels`() {
        val buffer = buffer(24)
        normalise(pixels, input(Type.FLOAT32, listOf(127.5f), listOf(127.5f)), buffer)
        buffer.flip()
        assertEquals(List(6) { ((pixels[it].toInt() and 255) - 127.5f) / 127.5f }, List(6) { buffer.getFloat() })
    }

    @Test
    fun `integers enter as they are, from the buffer's start each time`() {
        val buffer = buffer(6)
        repeat(2) { normalise(pixels, input(Type.UINT8, emptyList(), emptyList()), buffer) }
        buffer.flip()
        assertEquals(ByteBuffer.wrap(pixels), buffer)
    }

    private fun input(type: Type, mean: List<Float>, std: List<Float>) =
        Input(Tensor("image", type, listOf(1, 1, 2, 3)), "image", mean, std)

    private fun buffer(size: Int) = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder())
}

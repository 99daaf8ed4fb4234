package org.kerasseqattn

import java.io.File
import java.nio.ByteBuffer
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

class ModelFileTest {
    @get:Rule
    val folder = TemporaryFolder()

    private val softmax = fixture("kinds/softmax.tflite").readBytes()

    private fun of(bytes: ByteArray, beside: String? = null) = ModelFile.of("x.tflite", direct(bytes), beside)

    @Test
    fun `a file tells its contract`() {
        val file = of(softmax)
        assertEquals(listOf(1, 13, 11, 3), file.contract.inputs.single().tensor.shape)
        assertEquals(listOf("ash", "beech", "cedar", "elm", "fir"), file.contract.outputs.single().labels)
        assertEquals(softmax.takeLast(64).map { it.toInt().toChar() }.joinToString(""), file.sha256)
        assertNull(file.tokenizer)
        assertNotNull(ModelFile.of(fixture("models/translate_fra_eng.float32.tflite")).tokenizer)
    }

    @Test
    fun `a file that was damaged in any byte is refused`() {
        for (i in softmax.indices) {
            val bytes = softmax.copyOf().also { it[i] = (it[i].toInt() xor (1 shl i % 8)).toByte() }
            refusal { of(bytes) }
        }
    }

    @Test
    fun `a file that was cut anywhere is refused`() = (0 until softmax.size step 3).forEach { refusal { of(softmax.copyOf(it)) } }

    @Test
    fun `a file that grew is refused`() {
        refusal { of(softmax + 0) }
        refusal { of(softmax + softmax) }
    }

    @Test
    fun `files of other programs are refused`() {
        assertTrue("bytes=\"\"" in refusal { of(ByteArray(0)) })
        assertTrue("TFL3" in refusal { of("a text that is called x.tflite".toByteArray()) })
        assertTrue("x.tflite.json beside" in refusal { of(fixture("kinds/beside.tflite").readBytes()) })
    }

    @Test
    fun `a hash behind what is no archive is refused`() {
        val head = ByteArray(50).also { "TFL3".toByteArray().copyInto(it, 4) }
        val bytes = head + "sha256:".toByteArray()
        refusal { of(bytes + hash(listOf(direct(bytes))).toByteArray()) }
    }

    @Test
    fun `a contract beside the file is taken with the hash that it names`() {
        val bytes = fixture("kinds/beside.tflite").readBytes()
        val contract = fixture("kinds/beside.tflite.json").readText()
        val file = of(bytes, contract)
        assertEquals(JSONObject(contract).getString("sha256"), file.sha256)
        bytes[100] = (bytes[100] + 1).toByte()
        assertTrue("take both files from one export" in refusal { of(bytes, contract) })
        assertTrue("must be the JSON" in refusal { of(bytes, "no JSON") })
    }

    @Test
    fun `the contract inside comes before that beside`() = assertEquals("softmax", of(softmax, "no JSON").contract.name)

    @Test
    fun `a file is mapped, with the contract beside it`() {
        assertTrue(ModelFile.of(fixture("kinds/softmax.tflite")).bytes is java.nio.MappedByteBuffer)
        assertEquals("softmax", ModelFile.of(fixture("kinds/beside.tflite")).contract.name)
    }

    @Test
    fun `a file that cannot be read is refused`() {
        assertTrue("nowhere" in refusal { ModelFile.of(File("nowhere")) })
        refusal { ModelFile.of(folder.root) }
        refusal { ModelFile.of(folder.newFile()) }
        val large = folder.newFile()
        java.io.RandomAccessFile(large, "rw").use { it.setLength(3L shl 30) } // takes no space
        assertTrue("2 GiB" in refusal { ModelFile.of(large) })
    }

    @Test
    fun `bytes on the heap are refused`() = assertTrue("direct" in refusal { ModelFile.of("x", ByteBuffer.wrap(softmax)) })
}

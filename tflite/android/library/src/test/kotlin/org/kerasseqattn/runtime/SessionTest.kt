package org.kerasseqattn.runtime

import java.nio.ByteBuffer
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerasseqattn.FakeRuntimes
import org.kerasseqattn.ModelFile
import org.kerasseqattn.Options
import org.kerasseqattn.changed
import org.kerasseqattn.contract.Signature
import org.kerasseqattn.refusal

/** What a session refuses, with a runtime that counts: whatever is opened must be closed. */
class SessionTest {
    private val good = changed { }
    private val golden = good.contract.golden.outputs.values.single()

    private fun signature(file: ModelFile = good, name: String = "serving_default") =
        Signature(name, file.contract.inputs.map { it.tensor }, file.contract.outputs.map { it.tensor })

    private fun fake(
        release: String = "2.21.0", signatures: List<Signature> = listOf(signature()), values: List<Float> = golden, close: () -> Unit = {},
    ) = FakeRuntimes(signatures, release, close) { outputs -> outputs.values.forEach { fill(it, values) } }

    private fun fill(buffer: ByteBuffer, values: List<Float>) = values.forEachIndexed { i, value -> buffer.putFloat(4 * i, value) }

    private fun refused(runtimes: FakeRuntimes, file: ModelFile = good): String {
        val said = refusal { Session(file, Options(runtimes = runtimes)) }
        assertEquals(runtimes.opened, runtimes.closed)
        return said
    }

    @Test
    fun `a good file is tested once, with its cost`() {
        val runtimes = fake()
        Session(good, Options(runtimes = runtimes)).use { assertTrue(checkNotNull(it.selfTestMs) > 0) }
        assertEquals(listOf(1, 1, 1), listOf(runtimes.opened, runtimes.runs, runtimes.closed))
    }

    @Test
    fun `an older runtime is refused before it loads the file`() {
        val file = changed { put("minimum_runtime", "2.17.0") }
        val old = fake("2.16.1")
        assertTrue("version=2.16.1" in refused(old, file))
        assertEquals(0, old.opened)
        Session(file, Options(runtimes = fake("2.17.0"))).close()
        assertTrue("version=2.17.0-dev" in refused(fake("2.17.0-dev0"), file))
    }

    @Test
    fun `a release that is none is refused`() {
        assertTrue("minimum_runtime=\"new\"" in refused(fake(), changed { put("minimum_runtime", "new") }))
    }

    @Test
    fun `golden outputs must come out`() {
        val largest = golden.max()
        fun beyond(share: Float) = fake(values = golden.map { it + share * largest })
        assertTrue("golden output" in refused(beyond(0.03f)))
        assertTrue("golden output" in refused(fake(values = golden.map { Float.NaN })))
        assertTrue("golden output" in refused(FakeRuntimes(listOf(signature())))) // nothing was written
        Session(good, Options(runtimes = beyond(0.015f))).close()
        val fixed = changed { put("precision", "static_wi8_ai8") }
        Session(fixed, Options(runtimes = beyond(0.09f))).close()
        assertTrue("golden output" in refused(beyond(0.11f), fixed))
    }

    @Test
    fun `counted outputs must be equal`() {
        val file = changed {
            getJSONArray("outputs").getJSONObject(0).put("content", "tokens").remove("labels")
            getJSONObject("golden").put("outputs", JSONObject().put("answer", JSONArray(listOf(1000, 7, 1, 1, 2))))
        }
        assertTrue("limit=0.0" in refused(fake(values = listOf(1000f, 8f, 1f, 1f, 2f)), file))
        Session(file, Options(runtimes = fake(values = listOf(1000f, 7f, 1f, 1f, 2f)))).close()
    }

    @Test
    fun `a contract without golden values or of another input is refused`() {
        assertTrue("golden=0" in refused(fake(), changed { getJSONObject("golden").put("outputs", JSONObject()) }))
        val more = changed { getJSONObject("golden").getJSONObject("outputs").getJSONArray("answer").put(0.5) }
        assertTrue("golden=6" in refused(fake(), more))
        assertTrue("sha256=" in refused(fake(), changed { getJSONObject("golden").put("input_sha256", "0") }))
    }

    @Test
    fun `tensors that differ from the contract's are refused`() {
        val other = changed { getJSONArray("inputs").getJSONObject(0).put("shape", JSONArray(listOf(1, 11, 13, 3))) }
        assertTrue("shape=[1, 11, 13, 3]" in refused(fake(), other))
        assertTrue("must be those" in refused(fake(), changed { getJSONArray("outputs").getJSONObject(0).put("dtype", "int32") }))
        assertTrue("must be those" in refused(fake(signatures = listOf(signature().copy(outputs = emptyList())))))
    }

    @Test
    fun `several signatures must be listed`() {
        assertTrue("signatures=[a, b]" in refused(fake(signatures = listOf(signature(name = "a"), signature(name = "b")))))
        assertTrue("signatures=[]" in refused(fake(signatures = emptyList())))
    }

    @Test
    fun `what a runtime throws becomes one kind of exception`() {
        val broken = FakeRuntimes(listOf(signature())) { throw IllegalStateException("Invoke ended with status 1") }
        assertTrue("Invoke ended with status 1" in refused(broken))
        val absent = object : Runtimes {
            override val name = "absent"
            override val version = checkNotNull(Version.of("2.20.0"))

            override fun open(model: ByteBuffer, threads: Int) = throw UnsatisfiedLinkError("no library")
        }
        assertTrue("no library" in refusal { Session(good, Options(runtimes = absent)) })
    }

    @Test
    fun `a runtime without memory is refused, and closed`() {
        val full = FakeRuntimes(listOf(signature())) { throw OutOfMemoryError("Cannot allocate") }
        val said = refused(full)
        assertTrue(said, "Cannot allocate" in said && "close other models" in said)
    }

    @Test
    fun `an error of the program stays what it is, and the runtime is closed`() {
        val broken = FakeRuntimes(listOf(signature())) { throw AssertionError("never") }
        assertThrows(AssertionError::class.java) { Session(good, Options(runtimes = broken)) }
        assertEquals(1, broken.closed)
    }

    @Test
    fun `a runtime that fails to close is told of once`() {
        val session = Session(good, Options(runtimes = fake { throw IllegalStateException("busy") }))
        assertTrue("free the file" in refusal { session.close() })
        session.close()
    }

    @Test
    fun `a passed self-test is remembered, a failed one is not`() {
        val passed = mutableSetOf<String>()
        val memory = object : Memory {
            override fun holds(key: String) = key in passed

            override fun keep(key: String) {
                passed += key
            }
        }
        refusal { Session(good, Options(runtimes = FakeRuntimes(listOf(signature())), memory = memory)) }
        assertTrue(passed.isEmpty())
        val runtimes = fake()
        Session(good, Options(runtimes = runtimes, memory = memory)).use { assertNotNull(it.selfTestMs) }
        Session(good, Options(runtimes = runtimes, memory = memory)).use { assertNull(it.selfTestMs) }
        assertEquals(1, runtimes.runs)
        val newer = fake("2.22.0")
        Session(good, Options(runtimes = newer, memory = memory)).close()
        assertEquals(1, newer.runs)
        assertFalse(passed.isEmpty())
    }

    @Test
    fun `a waiting thread can be interrupted`() {
        val session = Session(good, Options(runtimes = fake()))
        var ended: Throwable? = null
        session.owned {
            val waiting = Thread { ended = runCatching { session.owned { } }.exceptionOrNull() }
            waiting.start()
            while (waiting.state != Thread.State.WAITING) Thread.onSpinWait()
            waiting.interrupt()
            waiting.join()
        }
        assertTrue("$ended", ended is java.util.concurrent.CancellationException)
        session.close()
    }

    @Test
    fun `threads below 1 are refused`() = assertTrue("threads=0" in refusal { Options(threads = 0, runtimes = fake()) })
}

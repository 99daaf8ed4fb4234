package org.kerasseqattn.contract

import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerasseqattn.Kinds
import org.kerasseqattn.changed
import org.kerasseqattn.refusal

class ContractJsonTest {
    private fun refused(change: JSONObject.() -> Unit) = refusal { changed(change) }

    private fun JSONObject.first(kind: String) = getJSONArray(kind).getJSONObject(0)

    @Test
    fun `formats before 1 and after 2 are refused`() {
        assertTrue("take a newer release" in refused { put("format", 3) })
        assertTrue("format=3" in refused { put("format", 3) })
        assertTrue("export the model again" in refused { put("format", 0) })
        assertTrue("format=null" in refused { remove("format") })
    }

    @Test
    fun `format 1 has one list of labels`() = assertEquals("ash", Kinds.file("format_1").contract.outputs.single().labels?.first())

    @Test
    fun `labels may be missing, and may not be too few or too many`() {
        assertNull(changed { first("outputs").remove("labels") }.contract.outputs.single().labels)
        for (count in listOf(1, 2, 4, 6)) assertTrue(
            "labels=$count" in refused { first("outputs").put("labels", JSONArray(List(count) { "x" })) },
        )
    }

    @Test
    fun `labels that are no list are refused`() {
        for (bad in listOf("ash", 5, true, JSONObject())) assertTrue("labels" in refused { first("outputs").put("labels", bad) })
    }

    @Test
    fun `golden values beyond what floats hold are refused`() {
        val said = refused { getJSONObject("golden").getJSONObject("outputs").getJSONArray("answer").put(0, 1e300) }
        assertTrue(said, "Golden values must be finite" in said)
    }

    @Test
    fun `scales must be one number or one for each channel`() {
        for (bad in listOf(listOf(1, 2), listOf(1, 2, 3, 4))) assertTrue("mean=" in refused { first("inputs").put("mean", JSONArray(bad)) })
        assertTrue("std=[0.0]" in refused { first("inputs").put("std", 0) })
        assertTrue("std=[-1.0]" in refused { first("inputs").put("std", JSONArray(listOf(-1))) })
        assertEquals(
            listOf(5f, 7f, 11f), changed { first("inputs").put("mean", JSONArray(listOf(5, 7, 11))) }.contract.inputs.single().mean,
        )
    }

    @Test
    fun `what is missing or unknown is refused`() {
        for (key in listOf("name", "precision", "inputs", "outputs", "golden")) assertTrue(key in refused { remove(key) })
        assertTrue("dtype=\"float7\"" in refused { first("inputs").put("dtype", "float7") })
    }

    @Test
    fun `what may be missing may be null`() {
        val contract = changed { put("licence", JSONObject.NULL); put("minimum_runtime", JSONObject.NULL) }.contract
        assertEquals(listOf(null, null), listOf(contract.licence, contract.minimumRuntime))
    }

    @Test
    fun `a file names the signatures that each processor takes, or none`() {
        val told = changed { put("processors", JSONObject("""{"cpu": ["a", "b"], "gpu": ["b"]}""")) }.contract
        assertEquals(mapOf("cpu" to listOf("a", "b"), "gpu" to listOf("b")), told.processors)
        assertEquals(emptyMap<String, List<String>>(), changed { remove("processors") }.contract.processors)
    }

    @Test
    fun `one token or several end what a file writes`() {
        fun ends(end: Any) = changed {
            val writer = mapOf(
                "source" to "tokens", "start" to 1, "end" to end, "vocab_size" to 7, "beam_width" to 3, "length_penalty" to 1, "max_length" to 5,
            )
            put("writer", JSONObject(writer))
        }.contract.writer?.ends
        assertEquals(setOf(2), ends(2))
        assertEquals(setOf(2, 5), ends(JSONArray(listOf(2, 5))))
    }

    @Test
    fun `a contract speaks of each of its signatures`() {
        val contract = Kinds.file("shapes").contract
        val shapes = contract.signatures.map { contract.of(it).inputs.single().tensor.shape }
        assertEquals(listOf(listOf(1, 13, 11, 3), listOf(1, 29, 17, 3)), shapes)
        assertEquals(contract.inputs, contract.of(contract.signatures.first()).inputs)
    }
}

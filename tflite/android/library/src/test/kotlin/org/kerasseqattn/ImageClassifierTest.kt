package org.kerasseqattn

import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerasseqattn.contract.Signature

class ImageClassifierTest {
    private fun open(name: String) = ImageClassifier.open(fixture("kinds/$name.tflite"), Options(threads = 1))

    private fun refused(name: String) = refusal { open(name).close() }

    @Test
    fun `what is no classifier of one picture is refused`() {
        assertTrue("INT32 [1, 3]" in refused("two_inputs"))
        assertTrue("answer: features" in refused("features"))
        assertTrue("[3, 13, 11, 3]" in refused("batch"))
        assertTrue("source: tensor" in refusal { ImageClassifier.open(fixture("models/translate_fra_eng.float32.tflite")) })
        assertTrue("output with classes" in refusal { ImageClassifier.open(fixture("models/captioner_emoji.float32.tflite")) })
    }

    @Test
    fun `what is refused is closed`() {
        val file = changed { getJSONArray("outputs").getJSONObject(0).put("content", "features").remove("labels") }
        val contract = file.contract
        val signature = Signature("serve", contract.inputs.map { it.tensor }, contract.outputs.map { it.tensor })
        val golden = contract.golden.outputs.values.single()
        val runtimes = FakeRuntimes(listOf(signature)) { outputs ->
            golden.forEachIndexed { i, value -> outputs.values.single().putFloat(4 * i, value) }
        }
        refusal { ImageClassifier.open(file, Options(runtimes = runtimes)) }
        assertEquals(listOf(1, 1), listOf(runtimes.opened, runtimes.closed))
    }

    @Test
    fun `top tells how many`() = open("softmax").use { classifier ->
        val all = classifier.classify(Kinds.picture)
        assertEquals(all.take(2), classifier.classify(Kinds.picture, 2))
        assertEquals(all, classifier.classify(Kinds.picture, 99))
        assertTrue("top=0" in refusal { classifier.classify(Kinds.picture, 0) })
        assertEquals(1.0, all.sumOf { it.score.toDouble() }, 1e-6)
    }

    @Test
    fun `without labels classes have their numbers`() = open("numbers").use { classifier ->
        assertEquals(listOf("0", "1", "2", "3", "4"), classifier.classify(Kinds.picture).map { it.label }.sorted())
        assertNull(classifier.look(Kinds.picture).attention)
    }

    @Test
    fun `bytes in memory are opened too`() {
        val bytes = direct(fixture("kinds/softmax.tflite").readBytes())
        val expected = open("softmax").use { it.classify(Kinds.picture) }
        ImageClassifier.open(bytes).use { assertEquals(expected, it.classify(Kinds.picture)) }
        val beside = fixture("kinds/beside.tflite")
        val contract = fixture("kinds/beside.tflite.json").readText()
        ImageClassifier.open(direct(beside.readBytes()), contract).use { assertEquals(expected, it.classify(Kinds.picture)) }
    }

    @Test
    fun `a closed classifier refuses`() {
        val classifier = open("softmax").apply { close() }
        assertTrue("must be open" in refusal { classifier.classify(Kinds.picture) })
    }
}

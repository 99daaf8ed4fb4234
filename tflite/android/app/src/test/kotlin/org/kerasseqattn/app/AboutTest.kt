package org.kerasseqattn.app

import android.content.Intent
import android.view.ViewGroup
import android.widget.TextView
import java.io.File
import org.json.JSONObject
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.kerasseqattn.PhoneTestRunner
import org.robolectric.Shadows.shadowOf

@RunWith(PhoneTestRunner::class)
class AboutTest {
    private val phone = Phone().start(CLASSIFIER)

    @After
    fun close() = phone.close()

    private fun facts(): Map<String, String> {
        val rows = phone.view<ViewGroup>(R.id.about_facts)
        return (0 until rows.childCount).map(rows::getChildAt).associate {
            it.requireViewById<TextView>(R.id.fact_name).text.toString() to it.requireViewById<TextView>(R.id.fact_value).text.toString()
        }
    }

    @Test
    fun `says what the contract says`() {
        phone.touch(R.id.about)
        val contract = JSONObject(File("${exported(CLASSIFIER)}.json").readText())
        val facts = facts()
        assertEquals(contract.getString("name"), facts["Contract"])
        assertEquals(contract.getString("precision"), facts["Precision"])
        assertEquals("cpu, gpu", facts["Taken whole by"])
        assertTrue(facts.getValue("Minimum runtime").endsWith(contract.getString("minimum_runtime")))
        val labels = contract.getJSONArray("outputs").getJSONObject(0).getJSONArray("labels")
        assertEquals(List(labels.length(), labels::getString), facts.getValue("Labels").split(", "))
        assertTrue(facts.getValue("Self-test").startsWith("Passed"))
        assertTrue(facts.getValue("Input").contains("1 × 64 × 64 × 3"))
    }

    @Test
    fun `a file is tested at its first opening alone`() {
        assertNotNull(phone.state.model?.selfTestMs)
        phone.die()
        assertNull(phone.state.model?.selfTestMs)
        phone.touch(R.id.about)
        assertTrue(facts().getValue("Self-test").startsWith("Passed at an earlier opening"))
    }

    @Test
    fun `measures with 1 to 4 threads, and shares JSON`() {
        phone.touch(R.id.about)
        assertFalse(phone.shown(R.id.latency_share))
        phone.touch(R.id.latency_measure)
        phone.settle()
        assertEquals(4, phone.view<ViewGroup>(R.id.latency_rows).childCount)
        phone.touch(R.id.latency_share)
        val chooser = shadowOf(phone.activity).nextStartedActivity
        @Suppress("DEPRECATION")
        val shared = chooser.getParcelableExtra<Intent>(Intent.EXTRA_INTENT)!!
        val json = JSONObject(shared.getStringExtra(Intent.EXTRA_TEXT)!!)
        assertEquals("$CLASSIFIER.dynamic_wi8_afp32", json.getString("model"))
        val rows = json.getJSONArray("latency").let { all -> List(all.length(), all::getJSONObject) }
        assertEquals(listOf(1, 2, 3, 4), rows.map { it.getInt("threads") })
        assertTrue(rows.all { it.getDouble("p50_ms") > 0 })
        assertTrue(rows.all { it.getDouble("p90_ms") >= it.getDouble("p50_ms") && it.getDouble("cold_ms") > 0 })
    }

    @Test
    fun `a measurement shows how far it is, and can be cancelled`() {
        phone.touch(R.id.about)
        phone.store.measure()
        phone.store.cancel()
        phone.settle()
        assertEquals(null, phone.state.saved.latency)
        assertEquals(null, phone.state.saved.problem)
    }

    @Test
    fun `the percentile is the nearest rank`() {
        val values = listOf(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
        assertEquals(4.0, percentile(values, 50), 0.0)
        assertEquals(7.0, percentile(values, 90), 0.0)
        assertEquals(1.0, percentile(values.take(1), 90), 0.0)
    }
}

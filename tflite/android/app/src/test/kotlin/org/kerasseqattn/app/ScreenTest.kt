package org.kerasseqattn.app

import android.graphics.Color
import android.graphics.Insets
import android.view.View
import android.view.WindowInsets
import java.io.ByteArrayInputStream
import java.io.File
import java.util.concurrent.CountDownLatch
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.kerasseqattn.EdgeException
import org.kerasseqattn.PhoneTestRunner
import org.robolectric.RuntimeEnvironment

private const val TALL = "en-w390dp-h3600dp-port"

private val damaged = EdgeException(
    "The file must be as it was exported, ending in its own SHA-256",
    mapOf("file" to "other.tflite", "size" to 756513, "sha256" to "13ec126b6e4745db39a954932f4b30d8d21e470462e1c77248e1b9d28c546ce6"),
    "copy or export the file again",
)

/** Every page in every way that phones show it: nothing cut, nothing over another, all of it legible. */
@RunWith(PhoneTestRunner::class)
class ScreenTest {
    private fun File.filled(bytes: ByteArray) = apply { parentFile!!.mkdirs(); writeBytes(bytes) }

    private fun scenes(): Map<String, Saved> {
        val app = RuntimeEnvironment.getApplication()
        val picture = File(app.cacheDir, "pictures/1").filled(river())
        val times = listOf(1 to 21.37, 2 to 12.21, 3 to 9.84, 4 to 11.93)
        val rows = times.map { (threads, ms) -> Latency.Row(threads, 30, 8 * ms, ms, 1.31 * ms) }
        return mapOf(
            "empty" to Saved(model = bundled(CLASSIFIER)),
            "picture" to Saved(model = bundled(CLASSIFIER), picture = picture, asked = true),
            "caption" to Saved(model = bundled(CAPTIONER), picture = File(app.cacheDir, "pictures/2").filled(face()), asked = true),
            "translation" to Saved(model = bundled(TRANSLATOR), text = "Where is the station? 你好", asked = true),
            "text" to Saved(model = bundled(TRANSLATOR)),
            "problem" to Saved(model = bundled(CLASSIFIER), picture = picture, asked = true),
            "models" to Saved(page = Page.MODELS, model = bundled(CLASSIFIER)),
            "about" to Saved(page = Page.ABOUT, model = bundled(CLASSIFIER), latency = Latency(rows)),
        )
    }

    private fun check(name: String, qualifiers: String, fontScale: Float = 1f, look: (Phone) -> List<String> = { emptyList() }) {
        RuntimeEnvironment.setQualifiers(qualifiers)
        RuntimeEnvironment.setFontScale(fontScale)
        val faults = scenes().flatMap { (scene, saved) ->
            Phone().use { phone ->
                phone.start(saved)
                if (scene == "problem") phone.store.tell(damaged)
                phone.settle()
                keep(shot(phone.activity.window.decorView), "$name/$scene")
                (faults(phone.view(android.R.id.content)) + look(phone)).map { "$scene: $it" }
            }
        }
        assertEquals(name, emptyList<String>(), faults)
    }

    private fun legible(phone: Phone) = pale(phone.activity.window.decorView)

    @Test
    fun light() = check("light", "en-w390dp-h844dp-port-notnight-xhdpi")

    @Test
    fun dark() = check("dark", "en-w390dp-h844dp-port-night-xhdpi")

    @Test
    fun landscape() = check("landscape", "en-w844dp-h390dp-land-notnight-xhdpi")

    @Test
    fun tablet() = check("tablet", "en-w1280dp-h800dp-land-night-mdpi")

    @Test
    fun `a small phone`() = check("small", "en-w320dp-h568dp-port-notnight-xhdpi")

    @Test
    fun `font scale 2`() = check("font2", "en-w390dp-h844dp-port-notnight-xhdpi", 2f)

    @Test
    fun `font scale 2 in landscape`() = check("font2_landscape", "en-w844dp-h390dp-land-night-xhdpi", 2f)

    @Test
    fun `font scale 2, whole`() = check("font2_whole", "$TALL-night-mdpi", 2f, ::legible)

    @Test
    fun `from right to left`() = check("rtl", "ar-ldrtl-w390dp-h844dp-port-notnight-xhdpi") {
        listOf("not turned").filter { _ -> it.view<View>(android.R.id.content).layoutDirection != View.LAYOUT_DIRECTION_RTL }
    }

    @Test
    fun `legible by day`() = check("light_whole", "$TALL-notnight-mdpi", look = ::legible)

    @Test
    fun `legible by night`() = check("dark_whole", "$TALL-night-mdpi", look = ::legible)

    @Test
    fun `work that takes long`() {
        RuntimeEnvironment.setQualifiers("en-w390dp-h844dp-port-notnight-xhdpi")
        Phone().start(CLASSIFIER).use { phone ->
            phone.look(river())
            phone.store.look(phone.document("slow") {
                CountDownLatch(1).await()
                ByteArrayInputStream(ByteArray(0))
            })
            phone.linger()
            keep(shot(phone.activity.window.decorView), "light/work")
            assertEquals(emptyList<String>(), faults(phone.view(android.R.id.content)))
            phone.store.cancel()
        }
    }

    @Test
    fun `system bars and keyboard cover nothing`() {
        Phone().start(CLASSIFIER).use { phone ->
            val insets = WindowInsets.Builder()
                .setInsets(WindowInsets.Type.systemBars(), Insets.of(0, 71, 0, 43))
                .setInsets(WindowInsets.Type.displayCutout(), Insets.of(13, 0, 0, 0))
                .setInsets(WindowInsets.Type.ime(), Insets.of(0, 0, 0, 401)).build()
            val root = phone.view<View>(R.id.model).rootView.findViewById<android.view.ViewGroup>(android.R.id.content).getChildAt(0)
            root.dispatchApplyWindowInsets(insets)
            assertEquals(listOf(13, 71, 0, 401), root.run { listOf(paddingLeft, paddingTop, paddingRight, paddingBottom) })
        }
    }

    @Test
    fun `contrast as WCAG counts it`() {
        assertEquals(21.0, contrast(Color.BLACK, Color.WHITE), 1e-9)
        assertEquals(1.0, contrast(Color.RED, Color.RED), 0.0)
        assertEquals(4.48, contrast(0xFF777777.toInt(), Color.WHITE), 0.005)
        assertTrue(contrast(0xFF767676.toInt(), Color.WHITE) > 4.5)
    }
}

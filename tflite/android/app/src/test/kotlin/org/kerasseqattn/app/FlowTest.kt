package org.kerasseqattn.app

import android.app.Activity
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.provider.MediaStore
import android.view.ViewGroup
import android.widget.EditText
import android.widget.TextView
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
import org.robolectric.util.ReflectionHelpers

/** What people do, from the touch to the answer, with models that really run. */
@RunWith(PhoneTestRunner::class)
class FlowTest {
    private lateinit var phone: Phone

    private val sdk = Build.VERSION.SDK_INT

    @After
    fun close() {
        ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", sdk)
        phone.close()
    }

    private fun classes() = (phone.state.saved.answer as Answer.Classes)

    @Test
    fun `a chosen picture is named, with bars and attention`() {
        phone = Phone().start(CLASSIFIER)
        assertTrue(phone.shown(R.id.picture_empty))
        phone.touch(R.id.picture_choose)
        val asked = phone.answer(phone.document("picture", river()))
        phone.settle()
        assertEquals(MediaStore.ACTION_PICK_IMAGES, asked.action)
        val rows = phone.view<ViewGroup>(R.id.answer_classes)
        assertEquals(5, rows.childCount)
        val first = classes().classes.first()
        assertEquals(first.label, rows.getChildAt(0).requireViewById<TextView>(R.id.class_label).text.toString())
        assertEquals(first.share, rows.getChildAt(0).requireViewById<BarView>(R.id.class_bar).share)
        assertEquals(classes().classes.map { it.share }.sortedDescending(), classes().classes.map { it.share })
        assertEquals(1f, classes().attention!!.shares.sum(), 1e-3f)
        assertTrue(phone.shown(R.id.attention))
        assertFalse(phone.shown(R.id.picture_empty))
    }

    @Test
    fun `before Android 13 a document is chosen`() {
        phone = Phone().start(CLASSIFIER)
        ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", Build.VERSION_CODES.S_V2)
        phone.touch(R.id.picture_choose)
        assertEquals(Intent.ACTION_OPEN_DOCUMENT, phone.answer(phone.document("picture", river())).action)
        phone.settle()
        assertEquals(5, classes().classes.size)
    }

    @Test
    fun `a picker that is left changes nothing`() {
        phone = Phone().start(CLASSIFIER)
        phone.look(river())
        val before = phone.state
        phone.touch(R.id.picture_choose)
        phone.answer(null, Activity.RESULT_CANCELED)
        phone.settle()
        assertEquals(before, phone.state)
    }

    @Test
    fun `the camera app writes into our file`() {
        phone = Phone().start(CLASSIFIER)
        phone.touch(R.id.picture_take)
        val asked = shadowOf(phone.activity).nextStartedActivityForResult.intent
        @Suppress("DEPRECATION")
        val target = asked.getParcelableExtra<Uri>(MediaStore.EXTRA_OUTPUT)!!
        assertEquals("content", target.scheme)
        phone.app.contentResolver.openOutputStream(target)!!.use { it.write(river()) }
        shadowOf(phone.activity).receiveResult(asked, Activity.RESULT_OK, null)
        phone.settle()
        assertEquals(5, classes().classes.size)
    }

    @Test
    fun `a shared picture is named, by a model of pictures`() {
        phone = Phone()
        val picture = phone.document("shared", river())
        phone.start(Intent(Intent.ACTION_SEND).setType("image/jpeg").putExtra(Intent.EXTRA_STREAM, picture))
        assertEquals(CLASSIFIER, phone.state.saved.model?.name)
        assertEquals(5, classes().classes.size)
    }

    @Test
    fun `a captioner writes about a picture`() {
        phone = Phone().start(CAPTIONER)
        phone.look(face())
        assertTrue(phone.text(R.id.answer_text), phone.text(R.id.answer_text).isNotBlank())
        assertFalse(phone.shown(R.id.attention))
    }

    @Test
    fun `a shared text is translated`() {
        phone = Phone()
        phone.start(Intent(Intent.ACTION_SEND).setType("text/plain").putExtra(Intent.EXTRA_TEXT, "I am tired."))
        assertEquals("I am tired.", phone.text(R.id.text))
        assertTrue((phone.state.saved.answer as Answer.Text).whole)
        assertTrue(phone.text(R.id.answer_text).isNotBlank())
    }

    @Test
    fun `a translation grows word by word`() {
        phone = Phone().start(TRANSLATOR)
        phone.view<EditText>(R.id.text).setText("Where is the station?")
        val seen = mutableListOf<String>()
        phone.store.watcher = { (it.saved.answer as? Answer.Text)?.let { answer -> seen += answer.text } }
        phone.store.translate()
        phone.settle()
        assertTrue("$seen", seen.distinct().size > 2)
        assertTrue("$seen", seen.distinct().zipWithNext().all { (before, after) -> after.startsWith(before) })
    }

    @Test
    fun `empty text asks for text`() {
        phone = Phone().start(TRANSLATOR)
        phone.touch(R.id.translate)
        phone.settle()
        val rule = phone.app.getString(R.string.problem_text_rule)
        assertEquals(phone.app.getString(R.string.problem_rule, rule), phone.text(R.id.problem_rule))
        phone.view<EditText>(R.id.text).setText("Hello.")
        phone.touch(R.id.translate)
        phone.settle()
        assertFalse(phone.shown(R.id.problem))
    }

    @Test
    fun `a text that is too long to keep is cut with a word`() {
        phone = Phone().start(TRANSLATOR)
        phone.view<EditText>(R.id.text).setText("a ".repeat(50_001))
        assertEquals(100_000, phone.state.saved.text.length)
        assertEquals(100_000, phone.text(R.id.text).length)
        assertNotNull(phone.state.saved.problem)
    }

    @Test
    fun `another model answers about the same picture`() {
        phone = Phone().start(CAPTIONER)
        phone.look(face())
        phone.touch(R.id.model)
        val rows = phone.view<ViewGroup>(R.id.models)
        assertEquals(listOf(CLASSIFIER, CAPTIONER, TRANSLATOR), phone.state.entries.map { it.source.name })
        rows.getChildAt(0).requireViewById<android.view.View>(R.id.row).performClick()
        phone.settle()
        assertEquals(Page.LOOK, phone.state.saved.page)
        assertEquals(5, classes().classes.size)
    }

    @Test
    fun `a model of this phone is copied and opened`() {
        phone = Phone().start()
        phone.touch(R.id.model)
        phone.touch(R.id.models_open)
        phone.answer(phone.document("my%20model.tflite", exported(CLASSIFIER).readBytes()))
        phone.settle()
        assertNull(phone.state.saved.problem)
        assertEquals("my model", phone.state.saved.model?.name)
        phone.look(river())
        assertEquals(5, classes().classes.size)
        phone.store.remove(phone.state.saved.model as Source.Copied)
        phone.settle()
        assertEquals(listOf(CLASSIFIER, CAPTIONER, TRANSLATOR), phone.state.entries.map { it.source.name })
    }
}

package org.kerasseqattn.app

import android.app.Activity
import android.app.Application
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.Path
import android.net.Uri
import android.os.Bundle
import android.os.Looper
import android.os.Parcel
import android.view.View
import android.widget.TextView
import java.io.ByteArrayOutputStream
import java.io.InputStream
import java.time.Duration
import org.kerasseqattn.fixture
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController

const val CLASSIFIER = "vit_eurosat"
const val CAPTIONER = "captioner_emoji"
const val TRANSLATOR = "translate_fra_eng"

/** The file of a model, as an export writes it. */
fun exported(model: String) = fixture("models/$model.dynamic_wi8_afp32$SUFFIX")

fun bundled(model: String) = Source.Bundled("models/$model$SUFFIX")

private const val WORK_MS = 400L

/** A phone with this app, and what people do with it. */
class Phone : AutoCloseable {
    val app: Application = RuntimeEnvironment.getApplication()
    private var controller: ActivityController<MainActivity>? = null
    val activity: MainActivity get() = controller!!.get()
    val store get() = activity.store
    val state get() = store.state

    fun start(intent: Intent = Intent(Intent.ACTION_MAIN)): Phone {
        controller = Robolectric.buildActivity(MainActivity::class.java, intent).setup()
        return settle()
    }

    /** Starts with a model chosen. */
    fun start(model: String) = start(Saved(model = bundled(model)))

    /** Starts as after the end of a process. */
    fun start(saved: Saved): Phone {
        controller = Robolectric.buildActivity(MainActivity::class.java).setup(Bundle().apply { put(saved) })
        return settle()
    }

    /** Waits for the worker, and for what it hands to the main thread. */
    fun settle(): Phone {
        do {
            if (!store.worker.thread.isShutdown) store.worker.thread.submit {}.get()
            shadowOf(Looper.getMainLooper()).idle()
        } while (store.state.work != null)
        return this
    }

    /** Lets so much time go by on the main thread that work counts as slow. */
    fun linger() = shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(WORK_MS))

    fun touch(id: Int) {
        view<View>(id).performClick()
        shadowOf(Looper.getMainLooper()).idle()
    }

    /** Answers the last request to another app. */
    fun answer(document: Uri?, result: Int = Activity.RESULT_OK): Intent {
        val asked = shadowOf(activity).nextStartedActivityForResult
        shadowOf(activity).receiveResult(asked.intent, result, Intent().setData(document))
        return asked.intent
    }

    fun look(picture: ByteArray) {
        touch(R.id.picture_choose)
        answer(document("picture", picture))
        settle()
    }

    /** A document of another app. */
    fun document(name: String, bytes: ByteArray): Uri = document(name) { bytes.inputStream() }

    fun document(name: String, open: () -> InputStream): Uri = Uri.parse("content://documents/$name").also {
        shadowOf(app.contentResolver).registerInputStreamSupplier(it, open)
    }

    fun rotate() {
        controller!!.recreate()
        settle()
    }

    /** The phone ends the process in the background, and a person comes back. */
    fun die() {
        val bundle = Bundle()
        controller!!.saveInstanceState(bundle).pause().stop().destroy()
        val back = Parcel.obtain().run {
            writeBundle(bundle)
            setDataPosition(0)
            readBundle(Phone::class.java.classLoader)
        }
        controller = Robolectric.buildActivity(MainActivity::class.java).setup(back)
        settle()
    }

    fun <T : View> view(id: Int): T = activity.requireViewById(id)

    fun text(id: Int) = view<TextView>(id).text.toString()

    fun shown(id: Int) = activity.findViewById<View>(id)?.isShown == true

    override fun close() {
        controller?.close()
    }
}

/** A landscape from above: fields, and a river. */
fun river(width: Int = 640, height: Int = 480): ByteArray = jpeg(width, height) { canvas, paint ->
    canvas.drawColor(Color.rgb(70, 96, 62))
    paint.style = Paint.Style.FILL
    for (row in 0 until 4) for (column in 0 until 5) {
        val shade = (row * 7 + column * 13) % 5 * 9
        paint.color = Color.rgb(62 + shade, 92 + shade, 58 + shade / 2)
        canvas.drawRect(column * width / 5f, row * height / 4f, (column + 1) * width / 5f - 3, (row + 1) * height / 4f - 3, paint)
    }
    paint.style = Paint.Style.STROKE
    paint.strokeWidth = width / 7f
    paint.color = Color.rgb(36, 62, 84)
    canvas.drawPath(Path().apply {
        moveTo(0f, height * 0.2f)
        cubicTo(width * 0.4f, height * 0.1f, width * 0.4f, height * 0.9f, width.toFloat(), height * 0.75f)
    }, paint)
}

/** A smiling face. */
fun face(size: Int = 320): ByteArray = jpeg(size, size) { canvas, paint ->
    canvas.drawColor(Color.WHITE)
    val at = size / 2f
    paint.color = Color.rgb(255, 204, 51)
    canvas.drawCircle(at, at, 0.44f * size, paint)
    paint.color = Color.rgb(90, 60, 20)
    canvas.drawCircle(0.35f * size, 0.4f * size, 0.06f * size, paint)
    canvas.drawCircle(0.65f * size, 0.4f * size, 0.06f * size, paint)
    paint.style = Paint.Style.STROKE
    paint.strokeWidth = 0.05f * size
    canvas.drawArc(0.27f * size, 0.3f * size, 0.73f * size, 0.74f * size, 25f, 130f, false, paint)
}

private fun jpeg(width: Int, height: Int, draw: (Canvas, Paint) -> Unit): ByteArray {
    val bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
    draw(Canvas(bitmap), Paint(Paint.ANTI_ALIAS_FLAG))
    return ByteArrayOutputStream().also { bitmap.compress(Bitmap.CompressFormat.JPEG, 92, it) }.toByteArray()
}

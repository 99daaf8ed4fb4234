package org.kerasseqattn.app

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Path
import android.graphics.RectF
import android.util.AttributeSet
import android.view.View
import kotlin.math.min

private const val CORNER_DP = 12f

/** A picture as wide as the view, with a grid of colours over it. */
class HeatView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val smooth = Paint(Paint.FILTER_BITMAP_FLAG or Paint.ANTI_ALIAS_FLAG)
    private val patches = Paint().apply { isFilterBitmap = false } // between two patches nothing was measured
    private val tallest = resources.run { getFraction(R.fraction.picture, displayMetrics.heightPixels, 1) }.toLong()
    private val frame = RectF()
    private val outline = Path()

    var picture: Bitmap? = null
        set(value) {
            if (field === value) return
            field = value
            requestLayout()
            invalidate()
        }

    /** One pixel for each patch of the picture. */
    var heat: Bitmap? = null
        set(value) {
            field = value
            invalidate()
        }

    /** How much the colours hide the picture, in [0, 1]. */
    var strength = 0f
        set(value) {
            field = value
            invalidate()
        }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) {
        val width = MeasureSpec.getSize(widthSpec)
        val height = picture?.let { min(width.toLong() * it.height / it.width, tallest).toInt() } ?: 0
        setMeasuredDimension(width, height)
    }

    override fun onSizeChanged(width: Int, height: Int, oldWidth: Int, oldHeight: Int) = arrange()

    override fun onDraw(canvas: Canvas) {
        val picture = picture ?: return
        arrange()
        canvas.save()
        canvas.clipPath(outline)
        canvas.drawBitmap(picture, null, frame, smooth)
        heat?.let {
            patches.alpha = Math.round(255 * strength)
            canvas.drawBitmap(it, null, frame, patches)
        }
        canvas.restore()
    }

    /** Fits the picture into the middle of the view. */
    private fun arrange() {
        val picture = picture ?: return
        val scale = min(width / picture.width.toFloat(), height / picture.height.toFloat())
        val (across, down) = scale * picture.width / 2 to scale * picture.height / 2
        frame.set(width / 2f - across, height / 2f - down, width / 2f + across, height / 2f + down)
        val corner = CORNER_DP * resources.displayMetrics.density
        outline.rewind()
        outline.addRoundRect(frame, corner, corner, Path.Direction.CW)
    }
}

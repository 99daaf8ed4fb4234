package org.kerasseqattn.app

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View

/** A bar as long as a share of the view's width, from the side where reading starts. */
class BarView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val track = paint(R.color.track)
    private val bar = paint(R.color.accent)

    /** In [0, 1]. */
    var share = 0f
        set(value) {
            field = value
            invalidate()
        }

    override fun onDraw(canvas: Canvas) {
        val (width, height) = width.toFloat() to height.toFloat()
        val radius = height / 2
        canvas.drawRoundRect(0f, 0f, width, height, radius, radius, track)
        val length = share * width
        val start = if (layoutDirection == LAYOUT_DIRECTION_RTL) width - length else 0f
        canvas.save()
        canvas.clipRect(start, 0f, start + length, height)
        canvas.drawRoundRect(start, 0f, start + maxOf(length, height), height, radius, radius, bar)
        canvas.restore()
    }

    private fun paint(colour: Int) = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = context.getColor(colour) }
}

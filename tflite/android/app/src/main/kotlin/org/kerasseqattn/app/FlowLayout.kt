package org.kerasseqattn.app

import android.content.Context
import android.util.AttributeSet
import android.view.View
import android.view.ViewGroup

private const val GAP_DP = 8

/** Lays its children side by side, and on the next line where the width ends: buttons in large fonts. */
class FlowLayout(context: Context, attributes: AttributeSet?) : ViewGroup(context, attributes) {
    private val gap = (GAP_DP * resources.displayMetrics.density).toInt()
    private val shown get() = (0 until childCount).map(::getChildAt).filter { it.visibility != GONE }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) {
        shown.forEach { measureChild(it, widthSpec, heightSpec) }
        val width = MeasureSpec.getSize(widthSpec)
        val lines = lines(width)
        setMeasuredDimension(width, lines.sumOf { line -> line.maxOf(View::getMeasuredHeight) } + gap * (lines.size - 1).coerceAtLeast(0))
    }

    override fun onLayout(changed: Boolean, left: Int, top: Int, right: Int, bottom: Int) {
        var y = 0
        for (line in lines(width)) {
            var x = 0
            for (child in line) {
                val start = if (layoutDirection == LAYOUT_DIRECTION_RTL) width - x - child.measuredWidth else x
                child.layout(start, y, start + child.measuredWidth, y + child.measuredHeight)
                x += child.measuredWidth + gap
            }
            y += line.maxOf(View::getMeasuredHeight) + gap
        }
    }

    private fun lines(width: Int): List<List<View>> {
        val lines = mutableListOf<MutableList<View>>()
        var used = 0
        for (child in shown) {
            if (lines.isEmpty() || used + gap + child.measuredWidth > width) {
                lines += mutableListOf(child)
                used = child.measuredWidth
            } else {
                lines.last() += child
                used += gap + child.measuredWidth
            }
        }
        return lines
    }
}

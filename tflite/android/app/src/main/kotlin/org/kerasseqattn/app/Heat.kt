package org.kerasseqattn.app

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Color

/**
 * Attention as colours: the least share dark blue, the largest yellow.
 *
 * @param stops colours from the least to the largest share, evenly apart
 * @return a bitmap with one pixel for each patch
 */
fun colours(attention: Attention, stops: List<Int>): Bitmap {
    val pixels = IntArray(attention.shares.size) {
        val range = attention.most - attention.least
        colour(if (range > 0) (attention.shares[it] - attention.least) / range else 0f, stops)
    }
    return Bitmap.createBitmap(pixels, attention.columns, attention.rows, Bitmap.Config.ARGB_8888)
}

/** The colour at a place in [0, 1]. */
internal fun colour(place: Float, stops: List<Int>): Int {
    val at = place * (stops.size - 1)
    val stop = at.toInt().coerceAtMost(stops.size - 2)
    fun mixed(channel: (Int) -> Int): Int {
        val (low, high) = channel(stops[stop]) to channel(stops[stop + 1])
        return Math.round(low + (at - stop) * (high - low))
    }
    return Color.rgb(mixed(Color::red), mixed(Color::green), mixed(Color::blue))
}

fun heatStops(context: Context) = listOf(R.color.heat_least, R.color.heat_middle, R.color.heat_most).map(context::getColor)

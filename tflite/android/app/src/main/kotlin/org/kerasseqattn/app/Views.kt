package org.kerasseqattn.app

import android.content.Context
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import java.text.NumberFormat

/** Shows a text, or nothing where there is none. */
fun TextView.show(words: CharSequence?) {
    if (words?.toString() != text.toString()) text = words
    isShown(!words.isNullOrEmpty())
}

/** Lets a long name go on in the next line after its parts. */
fun breakable(name: String): String = name.replace(Regex("(?<=[._-])"), "\u200b")

fun View.isShown(shown: Boolean) {
    visibility = if (shown) View.VISIBLE else View.GONE
}

/** Brings the number of rows to that of the values, and binds each. Rows that stay keep their focus. */
fun <T> ViewGroup.rows(layout: Int, values: List<T>, bind: View.(T) -> Unit) {
    while (childCount > values.size) removeViewAt(childCount - 1)
    while (childCount < values.size) LayoutInflater.from(context).inflate(layout, this)
    values.forEachIndexed { i, value -> getChildAt(i).bind(value) }
}

/** A share in per cent with one decimal, as the language of the phone writes it. */
fun Context.percent(share: Float): String = NumberFormat.getPercentInstance(resources.configuration.locales[0])
    .apply { minimumFractionDigits = 1; maximumFractionDigits = 1 }.format(share)

/** Milliseconds with one decimal. */
fun Context.duration(ms: Double): String = getString(
    R.string.latency_ms,
    NumberFormat.getNumberInstance(resources.configuration.locales[0])
        .apply { minimumFractionDigits = 1; maximumFractionDigits = 1 }.format(ms),
)

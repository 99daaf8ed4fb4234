package org.kerasseqattn.app

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Rect
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.ScrollView
import android.widget.TextView
import java.io.File
import kotlin.math.pow

private const val PACKAGE = 24 // bits of a resource's number below its package
private const val TOUCH_DP = 48
private const val CONTRAST = 4.5

/** What the screen shows, as pixels. */
fun shot(view: View): Bitmap = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888).also { view.draw(Canvas(it)) }

/** Keeps a screen for people to look at. */
fun keep(shot: Bitmap, name: String) {
    val file = File(System.getProperty("fixtures")!!).resolveSibling("screens/$name.png").apply { parentFile!!.mkdirs() }
    file.outputStream().use { shot.compress(Bitmap.CompressFormat.PNG, 100, it) }
}

/** Every view that is shown. */
fun views(view: View): List<View> = when {
    view.visibility != View.VISIBLE -> emptyList()
    view is ViewGroup -> listOf(view) + (0 until view.childCount).flatMap { views(view.getChildAt(it)) }
    else -> listOf(view)
}

/** What is cut, overlaps, is too small for a finger or has no name. */
fun faults(page: View): List<String> = views(page).flatMap { view ->
    outside(view) + overlaps(view) + cut(view) + listOfNotNull(
        small(view),
        "without a name".takeIf { view.isClickable && view !is TextView && "${view.contentDescription ?: ""}${words(view)}".isEmpty() },
    ).map { "${name(view)}: $it" }
}

private fun name(view: View): String = when {
    view.id == View.NO_ID || view.id ushr PACKAGE == 0 -> view.javaClass.simpleName // numbered as the program runs
    else -> view.resources.getResourceEntryName(view.id)
}

private fun words(view: View) = views(view).filterIsInstance<TextView>().joinToString(" ") { it.text }

private fun outside(view: View): List<String> {
    val parent = view.parent as? ViewGroup ?: return emptyList()
    val across = view.left < 0 || view.right > parent.width
    val down = parent !is ScrollView && (view.top < 0 || view.bottom > parent.height)
    return if (across || down || view !is ViewGroup && (view.width == 0 || view.height == 0)) {
        listOf("${name(view)}: ${bounds(view)} is not inside ${name(parent)} of ${parent.width} x ${parent.height}")
    } else emptyList()
}

private fun bounds(view: View) = Rect(view.left, view.top, view.right, view.bottom)

private fun overlaps(view: View): List<String> {
    val children = (view as? ViewGroup)?.run { (0 until childCount).map(::getChildAt) }.orEmpty().filter { it.visibility == View.VISIBLE }
    return children.flatMapIndexed { i, first ->
        children.drop(i + 1).filter { Rect.intersects(bounds(first), bounds(it)) }.map { "${name(first)} lies over ${name(it)}" }
    }
}

private fun cut(view: View): List<String> {
    val layout = (view as? TextView)?.layout ?: return emptyList()
    val text = layout.text
    val lines = 0 until layout.lineCount
    val inside = view.width - view.compoundPaddingLeft - view.compoundPaddingRight
    return listOfNotNull(
        "is ellipsised".takeIf { lines.any { layout.getEllipsisCount(it) > 0 } },
        "is cut below".takeIf { layout.height > view.height - view.compoundPaddingTop - view.compoundPaddingBottom },
        "is cut at its side".takeIf { lines.any { layout.getLineMax(it) > inside + 1 } },
        "breaks a word".takeIf {
            view is Button && lines.map(layout::getLineEnd).any { it < text.length && text[it - 1] != ' ' && text[it - 1] != '\u200b' }
        },
    ).map { "${name(view)} \"$text\" $it" }
}

private fun small(view: View): String? {
    val least = TOUCH_DP * view.resources.displayMetrics.density
    return "is ${view.width} x ${view.height}, and a finger needs $least".takeIf {
        view.isClickable && view.isEnabled && view.parent !is ScrollView && !(view is TextView && view.isTextSelectable) &&
            (view.width < least || view.height < least)
    }
}

/** Texts whose contrast with what lies behind them is too low. */
fun pale(page: View): List<String> {
    val shot = shot(page)
    fun pixels(of: Rect) = IntArray(of.width() * of.height())
        .also { shot.getPixels(it, 0, of.width(), of.left, of.top, of.width(), of.height()) }
    return views(page).filterIsInstance<TextView>().filter { it.text.isNotEmpty() || !it.hint.isNullOrEmpty() }.mapNotNull { view ->
        val at = IntArray(2).also(view::getLocationInWindow)
        val origin = IntArray(2).also(page::getLocationInWindow)
        val area = Rect(at[0] - origin[0], at[1] - origin[1], at[0] - origin[0] + view.width, at[1] - origin[1] + view.height)
        if (!area.intersect(0, 0, shot.width, shot.height)) return@mapNotNull null
        val pixels = pixels(area)
        val behind = pixels.toList().groupingBy { it }.eachCount().maxByOrNull { it.value }!!.key
        val said = contrast(if (view.text.isEmpty()) view.currentHintTextColor else view.currentTextColor, behind)
        val seen = pixels.maxOf { contrast(it, behind) }
        "${name(view)} \"${view.text}\": $said in the theme, $seen on the screen".takeIf { said < CONTRAST || seen < CONTRAST }
    }
}

/** Contrast of two colours from 1 to 21 (WCAG 2.2, relative luminance). */
fun contrast(one: Int, other: Int): Double {
    val (dark, light) = listOf(luminance(one), luminance(other)).sorted()
    return (light + 0.05) / (dark + 0.05)
}

private fun luminance(colour: Int): Double {
    fun linear(channel: Int): Double = (channel / 255.0).let { if (it <= 0.04045) it / 12.92 else ((it + 0.055) / 1.055).pow(2.4) }
    return 0.2126 * linear(Color.red(colour)) + 0.7152 * linear(Color.green(colour)) + 0.0722 * linear(Color.blue(colour))
}

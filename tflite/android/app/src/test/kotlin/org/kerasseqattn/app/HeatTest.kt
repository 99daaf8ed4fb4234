package org.kerasseqattn.app

import android.graphics.Color
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.kerasseqattn.PhoneTestRunner

@RunWith(PhoneTestRunner::class)
class HeatTest {
    private val stops = listOf(Color.rgb(0, 34, 78), Color.rgb(125, 124, 120), Color.rgb(254, 232, 56))

    @Test
    fun `least, middle and largest have the colours of the stops`() {
        assertEquals(stops, listOf(0f, 0.5f, 1f).map { colour(it, stops) })
        assertEquals(Color.rgb(63, 79, 99), colour(0.25f, stops))
    }

    @Test
    fun `the grid lies row by row`() {
        val grid = colours(Attention(2, 3, listOf(0.1f, 0.3f, 0.3f, 0.1f, 0.2f, 0.1f)), stops)
        assertEquals(3 to 2, grid.width to grid.height)
        assertEquals(stops[2], grid.getPixel(1, 0))
        assertEquals(stops[0], grid.getPixel(0, 1))
        assertEquals(colour(0.5f, stops), grid.getPixel(1, 1))
    }

    @Test
    fun `equal shares have one colour`() {
        val grid = colours(Attention(1, 2, listOf(0.5f, 0.5f)), stops)
        assertEquals(listOf(stops[0], stops[0]), listOf(grid.getPixel(0, 0), grid.getPixel(1, 0)))
    }
}

package org.kerasseqattn.app

import android.os.Build
import android.view.View
import android.view.Window
import android.view.WindowInsets

/** Keeps a page out of the way of system bars, cut-outs and the keyboard, since apps of SDK 35 and later fill the screen. */
fun keepClear(window: Window, page: View) {
    if (Build.VERSION.SDK_INT < Build.VERSION_CODES.R) return // the window does it
    window.setDecorFitsSystemWindows(false)
    page.setOnApplyWindowInsetsListener { view, insets ->
        val taken = insets.getInsets(WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout() or WindowInsets.Type.ime())
        view.setPadding(taken.left, taken.top, taken.right, taken.bottom)
        WindowInsets.CONSUMED
    }
}

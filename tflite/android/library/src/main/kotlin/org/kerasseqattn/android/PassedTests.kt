package org.kerasseqattn.android

import android.content.Context
import android.os.Build
import org.kerasseqattn.runtime.Memory

private const val NAME = "org.kerasseqattn.passed_tests"

/** Remembers passed self-tests in the app's preferences, until the system of the device is another. */
class PassedTests(context: Context) : Memory {
    private val passed = context.getSharedPreferences(NAME, Context.MODE_PRIVATE)

    override fun holds(key: String) = passed.getString(key, null) == Build.FINGERPRINT

    override fun keep(key: String) = passed.edit().putString(key, Build.FINGERPRINT).apply()
}

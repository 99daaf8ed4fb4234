package org.kerasseqattn

import org.junit.runners.model.FrameworkMethod
import org.robolectric.RobolectricTestRunner
import org.robolectric.internal.bytecode.InstrumentationConfiguration

/** Robolectric, with the runtimes outside its sandboxes: the JVM loads a native library once. */
class PhoneTestRunner(test: Class<*>) : RobolectricTestRunner(test) {
    override fun createClassLoaderConfig(method: FrameworkMethod): InstrumentationConfiguration =
        InstrumentationConfiguration.Builder(super.createClassLoaderConfig(method))
            .doNotAcquirePackage("org.bytedeco.")
            .doNotAcquirePackage("org.tensorflow.")
            .build()
}

/** A file that build/fixtures.py wrote. */
fun fixture(path: String) = java.io.File(System.getProperty("fixtures"), path)

package org.kerasseqattn.runtime

internal val defaultRuntimes: Runtimes get() = LiteRtRuntimes

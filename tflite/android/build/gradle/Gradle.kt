// The part of Gradle that the blocks `android { … }` name.
package org.gradle.api

enum class JavaVersion { VERSION_11, VERSION_17, VERSION_21 }

fun interface Action<T> { fun execute(it: T) }

interface Named

interface NamedDomainObjectContainer<T> {
    fun getByName(name: String): T
}

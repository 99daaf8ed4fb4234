package org.kerasseqattn

import org.json.JSONArray
import org.json.JSONObject

/** A list of objects that build/fixtures wrote. */
internal fun objects(path: String): List<JSONObject> = objects(JSONArray(fixture(path).readText()))

internal fun objects(array: JSONArray): List<JSONObject> = List(array.length(), array::getJSONObject)

internal fun JSONObject.objects(name: String): List<JSONObject> = objects(getJSONArray(name))

internal fun JSONObject.numbers(name: String): List<Int> = getJSONArray(name).let { List(it.length(), it::getInt) }

internal fun JSONObject.texts(name: String): List<String> = getJSONArray(name).let { List(it.length(), it::getString) }

package org.kerasseqattn.app

import android.os.Build
import org.json.JSONArray
import org.json.JSONObject

/** The result of a latency test, with the file and the phone that it belongs to. */
fun json(model: Description, latency: Latency): String = JSONObject()
    .put("model", model.contract.name)
    .put("precision", model.contract.precision)
    .put("bytes", model.bytes)
    .put("sha256", model.sha256)
    .put("runtime", model.runtime)
    .put("runtime_version", model.release)
    .put("device", "${Build.MANUFACTURER} ${Build.MODEL}")
    .put("sdk", Build.VERSION.SDK_INT)
    .put("abi", Build.SUPPORTED_ABIS.firstOrNull() ?: JSONObject.NULL)
    .put("latency", JSONArray(latency.rows.map {
        JSONObject().put("threads", it.threads).put("runs", it.runs)
            .put("cold_ms", it.coldMs).put("p50_ms", it.p50Ms).put("p90_ms", it.p90Ms)
    }))
    .toString(2)

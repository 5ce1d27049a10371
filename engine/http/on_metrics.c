/*
 * on_metrics.c - GET /metrics: what the server counted (metrics.c), what the
 * engine and the system know of themselves now.
 *
 * WORK, as the engine looks at the files of its directory for it: a
 * millisecond or two, many times a minute at most.
 *
 * To add a number of the engine: a row below.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/metrics.h"
#include "http/routes.h"

typedef struct engine_number {
    const char *name, *type, *help;
    size_t offset; /* of a uint64_t in muster_engine_stats */
} engine_number;

#define NUMBER(type, name, member, help) \
    {name, type, help, offsetof(muster_engine_stats, member)}

static const engine_number engine_numbers[] = {
    NUMBER("gauge", "muster_users", users, "Users ever known."),
    NUMBER("gauge", "muster_ids", ids, "Ids ever known."),
    NUMBER("gauge", "muster_attributes", attributes, "Attributes."),
    NUMBER("gauge", "muster_values", values, "Values of all attributes."),
    NUMBER("gauge", "muster_providers", providers, "Providers."),
    NUMBER("gauge", "muster_segments", segments, "Saved segments."),
    NUMBER("gauge", "muster_planes", planes, "Planes, of base and deltas."),
    NUMBER("gauge", "muster_bitmap_bytes", plane_bytes,
           "Bytes of all planes, as portable Roaring bitmaps."),
    NUMBER("gauge", "muster_dictionary_bytes", dictionary_bytes,
           "Bytes of the dictionary of pseudonyms."),
    NUMBER("gauge", "muster_disk_bytes", disk_bytes,
           "Bytes of the data directory."),
    NUMBER("gauge", "muster_deltas", deltas, "Closed deltas above the base."),
    NUMBER("gauge", "muster_memory_bytes", memory_bytes,
           "Memory used above the newest generation."),
    NUMBER("gauge", "muster_memory_budget_bytes", memory_budget,
           "Memory that may be used above the newest generation."),
    NUMBER("gauge", "muster_log_batches", log_batches,
           "Batches of the log that are not pruned."),
    NUMBER("gauge", "muster_log_bytes", log_bytes,
           "Bytes of the log that are not pruned."),
    NUMBER("gauge", "muster_log_budget_bytes", log_budget,
           "Bytes that the log may take."),
    NUMBER("gauge", "muster_resident_bytes", resident_bytes,
           "Memory of the forms of hot planes."),
    NUMBER("gauge", "muster_resident_budget_bytes", resident_budget,
           "Memory that forms of hot planes may take."),
    NUMBER("gauge", "muster_resident_forms", resident_forms,
           "Forms of hot planes in memory."),
    NUMBER("counter", "muster_resident_hits_total", resident_hits,
           "Forms asked for and there."),
    NUMBER("counter", "muster_resident_misses_total", resident_misses,
           "Forms asked for and not there."),
    NUMBER("gauge", "muster_forward_bytes", forward_bytes,
           "Memory of the forward index, from users to segments."),
    NUMBER("gauge", "muster_forward_budget_bytes", forward_budget,
           "Memory that the forward index may take."),
    NUMBER("gauge", "muster_forward_pairs", forward_pairs,
           "Users times segments in the forward index."),
    NUMBER("gauge", "muster_forward_epoch", forward_epoch,
           "Epoch that all of the forward index holds for."),
    NUMBER("gauge", "muster_generation", generation,
           "Number of the newest generation; 0 when there is none."),
    NUMBER("gauge", "muster_generation_epoch", generation_epoch,
           "Epoch that the newest generation holds."),
    NUMBER("gauge", "muster_snapshot_epoch", epoch,
           "Epoch that answers hold for."),
    NUMBER("gauge", "muster_snapshot_last_success_timestamp_seconds",
           generation_time,
           "When the newest generation was written; 0 when there is none."),
    NUMBER("gauge", "muster_tick_timestamp_seconds", tick,
           "The state's own clock, a full hour; 0 before the first fact."),
};

static void put_lag(buffer *b, uint64_t ns)
{
    metrics_put_head(b, "muster_ingest_lag_seconds", "gauge",
                     "Age of the oldest change that answers do not show yet.");
    buffer_printf(b, "muster_ingest_lag_seconds %.6f\n", (double)ns / 1e9);
}

static void put_engine(buffer *b, muster_engine *engine)
{
    muster_engine_stats stats;
    muster_engine_stats_get(engine, &stats);
    for (size_t i = 0; i < sizeof engine_numbers / sizeof *engine_numbers;
         i++) {
        const engine_number *n = &engine_numbers[i];
        uint64_t v;
        memcpy(&v, (const char *)&stats + n->offset, sizeof v);
        metrics_put_head(b, n->name, n->type, n->help);
        metrics_put_uint(b, n->name, "", v);
    }
    put_lag(b, stats.lag_ns);
}

static void put_build(buffer *b)
{
    metrics_put_head(b, "muster_build_info", "gauge",
                     "Always 1; the labels tell what runs.");
    buffer_printf(b,
                  "muster_build_info{version=\"%s\",compiler=\"%s\"} 1\n",
                  muster_version(), __VERSION__);
}

void on_metrics(http_request *r, http_answer *a)
{
    answer_empty(a, 200);
    a->media = MEDIA_METRICS;
    put_build(&a->body);
    metrics_put_counted(&a->body);
    put_engine(&a->body, r->engine);
    metrics_put_process(&a->body);
}

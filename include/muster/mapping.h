/*
 * mapping.h - mapping files: how rows of any CSV or JSON become records. The
 * language is docs/mapping.md; a feed takes a mapping with its options
 * (ingest.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_MAPPING_H
#define MUSTER_MAPPING_H

#include <muster/ingest.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a mapping file is about. */
typedef struct muster_mapping_facts {
    muster_input_format format; /* MUSTER_INPUT_CSV, or _NDJSON for JSON */
    size_t rules;
} muster_mapping_facts;
/* Compiles a mapping file and lets it go. `out` may be NULL. Errors, with the
 * place in the text: MUSTER_EPARSE "bad_json", MUSTER_EINVAL "bad_mapping",
 * "unknown_key" and the like, MUSTER_ELIMIT "long_mapping", "too_many". Any
 * thread. */
MUSTER_API int muster_mapping_check(const char *text, size_t len,
                                    muster_mapping_facts *out,
                                    muster_error *err);

/* Proposes a mapping file for inputs like this sample: what stands at the
 * beginning of one, or all of it, not packed; a row that is cut off at its end
 * is not read. `format`: MUSTER_INPUT_CSV, _NDJSON or _ARRAY, or _AUTO. *out
 * is a JSON text with comments, freed with muster_free; a feed takes it as it
 * is, once a rule of it makes an id (a comment says so where none was found).
 * Of the sample it shows names of fields and the values of fields that have
 * few and impersonal ones. MUSTER_EPARSE "bad_sample"; MUSTER_EINVAL
 * "bad_options": of another format. Reads at most MUSTER_SAMPLE_ROWS_MAX rows.
 * Any thread. */
#define MUSTER_SAMPLE_ROWS_MAX 2000u
#define MUSTER_SAMPLE_BYTES_MAX ((size_t)4 << 20)
MUSTER_API int muster_mapping_propose(char **out, muster_input_format format,
                                      const char *sample, size_t len,
                                      muster_error *err);

#ifdef __cplusplus
}
#endif
#endif

/*
 * doctor.h - the check of a data directory, and the repair of what can be
 * rebuilt from the rest.
 *
 * Checked: the database's own structure, every batch of the log (checksum, no
 * gap, nothing acknowledged missing), every generation (checksums of all its
 * sections, invariants of every plane, the dictionary against its inverse),
 * the readable tables of catalog and segments against the state, files that
 * nobody names. Repaired: generations that the log can replace, the readable
 * tables, stray files. What only a backup can bring back is told with the
 * file, the place and the command.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_DOCTOR_H
#define MUSTER_DOCTOR_H

#include <stdbool.h>
#include <muster/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum muster_severity {
    MUSTER_NOTE = 0,     /* worth knowing; nothing is wrong */
    MUSTER_REPAIRED,     /* was wrong, is right now */
    MUSTER_REPAIRABLE,   /* `repair` would put it right */
    MUSTER_DAMAGE        /* cannot be rebuilt from this directory */
} muster_severity;

typedef struct muster_finding {
    muster_severity severity;
    const char *file;    /* name in the directory, "muster.db" */
    const char *place;   /* "log batch 17", "section planes", or "" */
    const char *message; /* what is wrong */
    const char *remedy;  /* what to run, or "" */
} muster_finding;
typedef void (*muster_finding_fn)(void *payload, const muster_finding *f);

typedef struct muster_health {
    uint64_t findings[4]; /* by severity */
    uint64_t log_batches;
    uint64_t log_bytes;
    uint64_t generations;
    uint64_t planes;
    uint64_t users;
    uint64_t ids;
    uint64_t bytes_read;
    muster_epoch epoch;
    muster_state_hash hash; /* 0 when the state cannot be read */
} muster_health;

/* Without `repair` it takes no lock and changes nothing, also beside a
 * writer; with it, it is the writer (MUSTER_EBUSY). 0 when nothing repairable
 * or damaged is left, MUSTER_ECORRUPT otherwise; other errors as of
 * muster_engine_open. `out` (may be NULL) is filled in either case. No key is
 * needed. */
MUSTER_API int muster_doctor(const char *data_dir, bool repair,
                             const muster_task *task, muster_finding_fn found,
                             void *payload, muster_health *out,
                             muster_error *err);

#ifdef __cplusplus
}
#endif
#endif

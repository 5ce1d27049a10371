/*
 * derive.c - what a server derives attributes of ingested records from: opened
 * when it starts, watched while it runs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/server.h"

static void say(void *payload, bool well, const char *line)
{
    const http_server *s = payload;
    http_log_event(s->log, well ? HTTP_LOG_INFO : HTTP_LOG_WARN, "derive",
                   "%s", line);
}

/* The next path of a list; false at its end. */
static bool next_path(muster_text *list, muster_text *path)
{
    while (list->len > 0) {
        const char *comma = memchr(list->ptr, ',', list->len);
        const size_t len =
            comma != NULL ? (size_t)(comma - list->ptr) : list->len;
        const size_t used = len + (comma != NULL);
        *path = text_trim(text_make(list->ptr, len));
        *list = text_make(list->ptr + used, list->len - used);
        if (path->len > 0)
            return true;
    }
    return false;
}

int server_open_derive(http_server *s, muster_error *err)
{
    const muster_server_options *o = &s->options;
    muster_derive_options options = MUSTER_DERIVE_OPTIONS_INIT;
    const char *paths[MUSTER_DERIVE_GEO_MAX];
    muster_text list = text_of(o->geo != NULL ? o->geo : "");
    muster_text path;
    arena texts;
    int rc = 0;
    arena_init(&texts);
    while (rc == 0 && next_path(&list, &path)) {
        if (options.geo_count == MUSTER_DERIVE_GEO_MAX)
            rc = error_set(err, MUSTER_EINVAL, "bad_option",
                           "geo names more than %u databases",
                           MUSTER_DERIVE_GEO_MAX);
        else
            paths[options.geo_count++] =
                arena_strndup(&texts, path.ptr, path.len);
    }
    options.geo = paths;
    options.ua_regexes =
        o->ua_regexes != NULL ? o->ua_regexes : muster_ua_regexes();
    options.keep_bots = o->keep_bots;
    options.watch = true;
    options.say = say;
    options.payload = s;
    if (rc == 0 && (options.geo_count > 0 || options.ua_regexes != NULL))
        rc = muster_derive_open(&s->derive, &options, err);
    arena_release(&texts);
    return rc;
}

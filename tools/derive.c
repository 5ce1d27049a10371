/*
 * derive.c - what attributes are derived from, as flags name it; lines in,
 * JSON out, for the verbs that show what is derived.
 *
 * A line that was read is never written anywhere.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "derive.h"

#include <string.h>
#include "base/error.h"

/* Output that is held back until so much of it is there. */
#define HELD_BYTES ((size_t)64 << 10)

static void say(void *payload, bool well, const char *line)
{
    (void)well;
    tell(payload, "%s", line);
}

static bool takes(const cli *c, const char *flag)
{
    for (const cli_flag *f = c->verb->flags; f != NULL && f->name; f++)
        if (strcmp(f->name, flag) == 0)
            return true;
    return false;
}

/* Where a verb derives from user agents and nobody names rules, those of the
 * package are taken, if it is installed. */
static const char *ua_regexes(const cli *c)
{
    const char *path = cli_flag_text(c, "ua-regexes");
    if (path == NULL && takes(c, "ua-regexes"))
        path = muster_ua_regexes();
    return path;
}

int derive_from_flags(const cli *c, bool watch, muster_derive **out)
{
    const char *paths[MUSTER_DERIVE_GEO_MAX];
    muster_derive_options options = MUSTER_DERIVE_OPTIONS_INIT;
    muster_error err;
    const char *path = NULL;
    error_clear(&err);
    *out = NULL;
    while ((path = cli_flag_nth(c, "geo", options.geo_count)) != NULL) {
        if (options.geo_count == MUSTER_DERIVE_GEO_MAX)
            return tell_usage(c, "--geo is given more than %u times",
                              MUSTER_DERIVE_GEO_MAX);
        paths[options.geo_count++] = path;
    }
    options.geo = paths;
    options.ua_regexes = ua_regexes(c);
    options.keep_bots = cli_flag_is(c, "keep-bots");
    options.watch = watch;
    options.say = say;
    options.payload = (void *)(uintptr_t)c;
    if (options.geo_count == 0 && options.ua_regexes == NULL)
        return 0;
    if (muster_derive_open(out, &options, &err) < 0)
        return tell_error(c, EXIT_USAGE, "%s", err.message);
    return 0;
}

void derive_put(json_writer *w, const muster_derived *d)
{
    json_open_object(w);
    for (int i = 0; i < MUSTER_DERIVED_COUNT; i++) {
        const muster_derived_attribute which = (muster_derived_attribute)i;
        if ((d->known >> i & 1) == 0)
            continue;
        json_key(w, muster_derived_name(which));
        if (muster_derived_is_number(which))
            json_put_int(w, d->numbers[i]);
        else
            json_put_text(w, d->texts[i]);
    }
    json_close(w);
}

void derive_put_error(json_writer *w, const char *why)
{
    json_key(w, "error");
    json_put_str(w, why);
}

int derive_each_line(cli *c, size_t most, derive_line_fn put, void *payload)
{
    line_reader r;
    line_reader_init(&r, stdin, most);
    while (!c->out_failed && line_reader_next(&r)) {
        const muster_text line =
            r.too_long ? text_make(NULL, 0) : text_make(r.line, r.len);
        json_writer w;
        json_begin(&w, &c->out, false);
        json_open_object(&w);
        put(payload, &w, line);
        json_close(&w);
        buffer_put_u8(&c->out, '\n');
        if (c->out.len >= HELD_BYTES)
            out_flush(c);
    }
    line_reader_release(&r);
    out_flush(c);
    return 0;
}

int derive_run(cli *c, const char *word, const derive_lines *lines)
{
    muster_derive *derive = NULL;
    if (strcmp(word, "-") != 0)
        return tell_usage(c, "%s", lines->usage);
    int code = derive_from_flags(c, true, &derive);
    if (code == 0 && derive == NULL)
        code = tell_usage(c, "%s", lines->none);
    if (code == 0) {
        muster_deriver *deriver = muster_deriver_new(derive);
        code = derive_each_line(c, lines->most, lines->put, deriver);
        muster_deriver_free(deriver);
    }
    muster_derive_free(derive);
    return code;
}

/*
 * house.c - a data directory of a test.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* nftw */
#include "support/house.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "engine.h"

static void must(int code, const muster_error *err, const char *what)
{
    if (code != 0)
        fail_msg("%s: %s (%s)", what, err->message, err->word);
}

static void open_engine(house *h)
{
    muster_error err;
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;
    options.data_dir = h->dir;
    options.mode = h->mode;
    options.now = h->now;
    options.threads = h->threads;
    options.forward_bytes = h->forward_bytes;
    must(muster_engine_open(&h->engine, &options, &err), &err, "open");
}

void house_open(house *h, muster_time now, unsigned threads)
{
    muster_error err;
    char path[sizeof h->dir + 16];
    const char *tmp = getenv("TMPDIR");
    snprintf(h->dir, sizeof h->dir, "%s/muster-house-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(h->dir) == NULL)
        fail_msg("cannot make %s", h->dir);
    h->mode = MUSTER_OPEN_CREATE;
    h->now = now;
    h->threads = threads;
    open_engine(h);
    snprintf(path, sizeof path, "%s/muster.key", h->dir);
    must(identity_key_open(&h->key, path, false, &err), &err, "key");
    must(muster_scope_new(&h->scope, "test", MUSTER_PURPOSE_ANALYSIS, NULL,
                          &err),
         &err, "scope");
}

void house_reopen(house *h, muster_open_mode mode)
{
    muster_engine_close(h->engine);
    h->engine = NULL;
    h->mode = mode;
    open_engine(h);
}

void house_set_now(house *h, muster_time now)
{
    h->now = now;
    /* no public call does: clocks run by themselves */
    __atomic_store_n(&h->engine->fixed_now, now, __ATOMIC_RELAXED);
}

static int remove_one(const char *path, const struct stat *stat, int type,
                      struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

void house_close(house *h)
{
    muster_engine_close(h->engine);
    muster_scope_free(h->scope);
    identity_key_free(h->key);
    h->engine = NULL;
    h->scope = NULL;
    h->key = NULL;
    nftw(h->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void house_catalog(house *h, const void *text, size_t len)
{
    muster_error err;
    must(muster_catalog_apply(h->engine, text, len, &err), &err, "catalog");
}

void house_checkpoint(house *h)
{
    muster_error err;
    must(muster_engine_checkpoint(h->engine, &err), &err, "checkpoint");
}

static void show_reject(void *payload, const muster_reject *reject)
{
    uint64_t *left = payload;
    if (strcmp(reject->code, "forgotten") == 0 || *left == 0)
        return;
    (*left)--;
    print_error("line %llu %s: %s (%s)\n", (unsigned long long)reject->line,
                reject->pointer, reject->message, reject->code);
}

muster_receipt house_feed(house *h, muster_input_format format,
                          const void *bytes, size_t len)
{
    muster_error err;
    muster_feed *feed = NULL;
    muster_receipt receipt;
    uint64_t shown = 5;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    options.format = format;
    options.reject = show_reject;
    options.payload = &shown;
    must(muster_feed_open(&feed, h->engine, &options, &err), &err, "feed");
    must(muster_feed_push(feed, bytes, len, &err), &err, "push");
    must(muster_feed_finish(feed, &err), &err, "finish");
    muster_feed_receipt(feed, &receipt);
    muster_feed_free(feed);
    return receipt;
}

muster_pseudonym house_pseudonym(const house *h, const char *space,
                                 const char *id)
{
    muster_error err;
    muster_pseudonym p;
    must(identity_pseudonymise(h->key, text_of(space),
                               identity_raw_of(text_of(id)), &p, &err),
         &err, "pseudonym");
    return p;
}

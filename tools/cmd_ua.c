/*
 * cmd_ua.c - `muster ua`: what is derived from user agents. Needs no data
 * directory, stores nothing and shows no user agent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "derive.h"

#include "base/error.h"

/* So much longer than what is read as a user agent that a line of blanks and
 * one is read too. */
#define LINE_MAX_BYTES 4096u

static void put_word(json_writer *w, const char *key, muster_text word)
{
    json_key(w, key);
    if (word.ptr == NULL)
        json_put_null(w);
    else
        json_put_text(w, word);
}

static void put_device(json_writer *w, const muster_device *d)
{
    json_key(w, "user_agent");
    json_open_object(w);
    put_word(w, "family", d->browser);
    put_word(w, "major", d->browser_major);
    json_close(w);
    json_key(w, "os");
    json_open_object(w);
    put_word(w, "family", d->os);
    put_word(w, "major", d->os_major);
    json_close(w);
    json_key(w, "device");
    json_open_object(w);
    put_word(w, "family", d->family);
    put_word(w, "brand", d->brand);
    put_word(w, "model", d->model);
    json_close(w);
}

static void put_line(void *payload, json_writer *w, muster_text line)
{
    muster_deriver *deriver = payload;
    muster_derived found;
    muster_device device;
    muster_error err;
    const muster_text ua = line.ptr == NULL ? line : text_trim(line);
    if (ua.ptr == NULL) {
        derive_put_error(w, "the line is too long for a user agent");
    } else if (ua.len == 0) {
        derive_put_error(w, "the line is empty");
    } else if (muster_deriver_ua(deriver, ua, &found, &device, &err) < 0) {
        derive_put_error(w, err.message);
    } else {
        put_device(w, &device);
        json_key(w, "attributes");
        derive_put(w, &found);
        if (device.bot) {
            json_key(w, "bot");
            json_put_bool(w, true);
        }
    }
}

static int cmd_ua(cli *c, int argc, char **argv)
{
    static const derive_lines lines = {
        LINE_MAX_BYTES, put_line,
        "user agents are read from stdin: muster ua -",
        "no regexes of user agents: install uap-core, or name a file with"
        " --ua-regexes",
    };
    (void)argc;
    return derive_run(c, argv[0], &lines);
}

static const cli_flag ua_flags[] = {DERIVE_FLAG_UA, CLI_FLAG_END};

const cli_verb verb_ua = {
    .name = "ua",
    .run = cmd_ua,
    .synopsis = "[--ua-regexes FILE] -",
    .summary = "What is derived from user agents",
    .about =
        "Reads one user agent a line and writes one line of JSON for it: what"
        " uap-core's\nrules say, word for word (\"user_agent\", \"os\","
        " \"device\"; null is absent), and in\n\"attributes\" what a record"
        " with this `ua` would get; \"bot\":true for one that would\nbe"
        " refused. Or {\"error\":\"...\"}. The user agent is never shown or"
        " kept. Without\n--ua-regexes the regexes.yaml of Debian's package"
        " uap-core is read.\n",
    .flags = ua_flags,
    .examples = "# what is this?\n"
                "echo 'Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X)'"
                " | muster ua -\n"
                "# with newer rules\n"
                "muster ua --ua-regexes regexes.yaml - < agents\n",
    .exits = "0 2",
    .words_min = 1,
    .words_max = 1,
    .operand = OPERAND_NONE,
};

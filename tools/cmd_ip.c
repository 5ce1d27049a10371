/*
 * cmd_ip.c - `muster ip`: what is derived from addresses. Needs no data
 * directory, stores nothing and shows no address.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "derive.h"

#include "base/error.h"

/* Longer lines are no addresses. */
#define LINE_MAX_BYTES 256u

static void put_line(void *payload, json_writer *w, muster_text line)
{
    muster_deriver *deriver = payload;
    muster_derived found;
    muster_error err;
    if (line.ptr == NULL)
        derive_put_error(w, "the line is too long for an address");
    else if (muster_deriver_ip(deriver, line, &found, &err) < 0)
        derive_put_error(w, err.message);
    else {
        json_key(w, "attributes");
        derive_put(w, &found);
    }
}

static int cmd_ip(cli *c, int argc, char **argv)
{
    static const derive_lines lines = {
        LINE_MAX_BYTES, put_line,
        "addresses are read from stdin: muster ip --geo FILE -",
        "no database is named: --geo FILE, an MMDB of countries, cities,"
        " networks or connections",
    };
    (void)argc;
    return derive_run(c, argv[0], &lines);
}

static const cli_flag ip_flags[] = {DERIVE_FLAG_GEO, CLI_FLAG_END};

const cli_verb verb_ip = {
    .name = "ip",
    .run = cmd_ip,
    .synopsis = "--geo FILE... -",
    .summary = "What is derived from addresses",
    .about =
        "Reads one address a line and writes one line of JSON for it:"
        " {\"attributes\":{...}}\nwith what a record with this `ip` would"
        " get, or {\"error\":\"...\"}. An address is\nshortened to its first 24"
        " bits (IPv4) or 48 (IPv6) before it is looked up, and is\nnever"
        " shown or kept. One that no database knows has no attributes."
        " docs/derive.md\nsays which databases can be read.\n",
    .flags = ip_flags,
    .examples = "# where is this?\n"
                "echo 81.2.69.160 | muster ip --geo GeoLite2-City.mmdb -\n"
                "# cities of one file, networks of another\n"
                "muster ip --geo city.mmdb --geo asn.mmdb - < addresses\n",
    .exits = "0 2",
    .words_min = 1,
    .words_max = 1,
    .operand = OPERAND_NONE,
};

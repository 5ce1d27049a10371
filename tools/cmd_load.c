/*
 * cmd_load.c - `muster load`: files or stdin into the data directory.
 *
 * Each file is a feed of its own, so that line numbers, CSV headers and
 * compressions stay apart; the receipts are added up. A file is read in
 * pieces of READ_BYTES; of plain text only whole lines are pushed, so that a
 * load that is interrupted between two pieces cuts no record in two.
 *
 * An interrupt (Ctrl-C) ends the feed after the piece at hand: what was pushed
 * is applied and durable, the receipt says how much it was, the exit code is
 * 130. A second one ends the program at once. Whatever broke a load off, the
 * last message is the command that goes on with it.
 *
 * The first errors stand in the receipt; --rejects writes all of them. Neither
 * holds an id or a value.
 *
 * Threads: rejects and progress are called on the feed's own thread; the
 * rejects file belongs to it until the feed is finished.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* memrchr, nftw */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/error.h"
#include "base/mem.h"
#include "receipt.h"

#define READ_BYTES ((size_t)1 << 20)

typedef struct load {
    cli *c;
    muster_feed_options options;
    FILE *rejects;
    const char *rejects_path;
    const char *file; /* being read; "-" = stdin */
    progress *bar;
    bool text; /* push whole lines only */
    receipt total;
    int code;     /* of the first error */
    bool refused; /* it was about the load id, and would be again */
    bool begun;   /* records of the file were read */
} load;

/* ---- what the feed tells ---- */

static void on_reject(void *payload, const muster_reject *reject)
{
    load *l = payload;
    buffer b;
    json_writer w;
    if (l->rejects == NULL)
        return;
    buffer_init(&b, (size_t)1 << 20);
    json_begin(&w, &b, false);
    json_open_object(&w);
    json_key(&w, "file");
    json_put_str(&w, l->file);
    json_key(&w, "line");
    json_put_uint(&w, reject->line);
    json_key(&w, "offset");
    json_put_uint(&w, reject->offset);
    json_key(&w, "pointer");
    json_put_str(&w, reject->pointer);
    json_key(&w, "code");
    json_put_str(&w, reject->code);
    json_key(&w, "message");
    json_put_str(&w, reject->message);
    json_close(&w);
    buffer_put_u8(&b, '\n');
    fwrite(b.data, 1, b.len, l->rejects);
    buffer_release(&b);
}

static void on_progress(void *payload, const muster_progress *now)
{
    load *l = payload;
    progress_update(l->bar, now);
}

/* ---- one file ---- */

static bool is_text(const load *l, const uint8_t *bytes, size_t len)
{
    if (l->options.format == MUSTER_INPUT_MSGPACK || len == 0)
        return false;
    const uint8_t first = bytes[0];
    const bool mark = first == 0xef; /* of UTF-8 */
    const bool blank = first == '\n' || first == '\r' || first == '\t';
    const bool zstd = len > 1 && first == 0x28 && bytes[1] == 0xb5;
    return mark || blank || (first >= 0x20 && first < 0x7f && !zstd);
}

/* Bytes of whole lines; all of them where lines do not matter or the piece
 * is full of one line. */
static size_t ready(const load *l, const uint8_t *bytes, size_t len)
{
    if (!l->text)
        return len;
    const uint8_t *end = memrchr(bytes, '\n', len);
    if (end != NULL)
        return (size_t)(end - bytes) + 1;
    return len == READ_BYTES ? len : 0;
}

static int tell_feed(load *l, const muster_error *err)
{
    l->refused = err->code == MUSTER_ECONFLICT || err->code == MUSTER_EBUSY;
    return tell_status(l->c, err, NULL, 0);
}

/* Reads and pushes to the end or until interrupted. 0, or an exit code. */
static int pump(load *l, muster_feed *feed, int fd, uint8_t *piece)
{
    size_t held = 0;
    bool first = true;
    muster_error err;
    error_clear(&err);
    while (!interrupt_is_seen()) {
        const ssize_t n =
            interrupt_read(fd, piece + held, READ_BYTES - held);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tell_error(l->c, EXIT_USAGE, "cannot read %s: %s", l->file,
                              strerror(errno));
        const size_t len = held + (size_t)n;
        if (first)
            l->text = is_text(l, piece, len);
        first = false;
        const size_t whole = n == 0 ? len : ready(l, piece, len);
        if (whole > 0 && muster_feed_push(feed, piece, whole, &err) < 0)
            return tell_feed(l, &err);
        if (n == 0)
            return 0;
        held = len - whole;
        memmove(piece, piece + whole, held);
    }
    return 0;
}

static void finish(load *l, muster_feed *feed)
{
    muster_error err;
    error_clear(&err);
    const int status = muster_feed_finish(feed, &err);
    progress_free(l->bar);
    l->bar = NULL;
    /* An interrupted input ends in the middle: no news. */
    const bool known =
        l->code != 0 || (interrupt_is_seen() && status == MUSTER_EPARSE);
    if (status < 0 && status != MUSTER_EPARTIAL && !known)
        l->code = tell_feed(l, &err);
    const uint64_t before = l->total.records;
    load_receipt_add(&l->total, muster_feed_receipt_json(feed), l->file);
    l->begun = l->total.records > before;
}

static int open_file(const load *l, uint64_t *size)
{
    struct stat st;
    const bool standard = strcmp(l->file, "-") == 0;
    const int fd =
        standard ? STDIN_FILENO : open(l->file, O_RDONLY | O_CLOEXEC);
    *size = 0;
    if (fd < 0) {
        tell_error(l->c, EXIT_USAGE, "cannot read %s: %s", l->file,
                   strerror(errno));
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        *size = (uint64_t)st.st_size;
    return fd;
}

static void load_file(load *l)
{
    muster_feed *feed = NULL;
    muster_error err;
    uint64_t size;
    error_clear(&err);
    l->begun = false;
    const int fd = open_file(l, &size);
    if (fd < 0) {
        l->code = EXIT_USAGE;
        return;
    }
    l->bar = progress_new(l->c, size, "load");
    if (muster_feed_open(&feed, l->c->engine, &l->options, &err) < 0) {
        l->code = tell_feed(l, &err);
    } else {
        uint8_t *piece = mem_alloc(READ_BYTES);
        l->code = pump(l, feed, fd, piece);
        finish(l, feed);
        mem_free(piece);
    }
    progress_free(l->bar);
    l->bar = NULL;
    muster_feed_free(feed);
    if (fd != STDIN_FILENO)
        close(fd);
}

/* ---- before anything is read ---- */

static int check_file(const cli *c, const char *path)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return 0;
    if (stat(path, &st) != 0)
        return tell_error(c, EXIT_USAGE, "cannot read %s: %s", path,
                          strerror(errno));
    if (S_ISDIR(st.st_mode))
        return tell_error(c, EXIT_USAGE,
                          "cannot read %s: it is a directory;"
                          " name the files in it",
                          path);
    if (access(path, R_OK) != 0)
        return tell_error(c, EXIT_USAGE, "cannot read %s: %s", path,
                          strerror(errno));
    return 0;
}

static int check_flags(load *l)
{
    static const char *const formats[] = {"auto", "ndjson", "csv", "msgpack"};
    cli *c = l->c;
    const char *format = cli_flag_text(c, "input-format");
    const char *provider = cli_flag_text(c, "provider");
    const char *load_id = cli_flag_text(c, "load-id");
    const char *ack = cli_flag_text(c, "ack");
    if (cli_flag_is(c, "map"))
        return tell_error(c, EXIT_USAGE,
                          "--map: mappings are not offered yet; give NDJSON"
                          " records, or CSV whose header names paths"
                          " (muster help load)");
    for (int i = 0; format != NULL && i < 4; i++)
        if (strcmp(format, formats[i]) == 0)
            l->options.format = (muster_input_format)i;
    if (!cli_flag_uint(c, "max-errors", &l->options.max_errors))
        return EXIT_USAGE;
    if (provider != NULL && *provider == '\0')
        return tell_usage(c, "--provider needs a name");
    if (load_id != NULL && *load_id == '\0')
        return tell_usage(c, "--load-id needs a name");
    l->options.provider = provider;
    l->options.dry_run = cli_flag_is(c, "dry-run");
    if (ack != NULL && strcmp(ack, "applied") == 0)
        l->options.ack = MUSTER_ACK_APPLIED;
    l->options.reject = on_reject;
    l->options.progress = on_progress;
    l->options.payload = l;
    return 0;
}

static int open_rejects(load *l)
{
    l->rejects_path = cli_flag_text(l->c, "rejects");
    if (l->rejects_path == NULL)
        return 0;
    l->rejects = fopen(l->rejects_path, "wbe");
    if (l->rejects == NULL)
        return tell_error(l->c, EXIT_USAGE, "cannot write %s: %s",
                          l->rejects_path, strerror(errno));
    return 0;
}

static void close_rejects(load *l)
{
    if (l->rejects == NULL)
        return;
    const bool bad = ferror(l->rejects) != 0;
    if ((fclose(l->rejects) != 0 || bad) && l->code == 0)
        l->code = tell_error(l->c, EXIT_USAGE, "cannot write %s: %s",
                             l->rejects_path, strerror(errno));
    l->rejects = NULL;
}

/* ---- a dry run where there is no data directory yet ---- */

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* A new empty directory to judge the records in; removed afterwards. */
static int open_dry(cli *c, char **dir)
{
    const char *base = getenv("TMPDIR");
    const char *former = c->set.data_dir;
    buffer b;
    *dir = NULL;
    if (session_exists(c))
        return session_open(c, MUSTER_OPEN_READ);
    buffer_init(&b, 4096);
    buffer_printf(&b, "%s/muster-dry-XXXXXX",
                  base != NULL && *base != '\0' ? base : "/tmp");
    *dir = mem_strdup(buffer_cstr(&b));
    if (mkdtemp(*dir) == NULL) {
        buffer_release(&b);
        return tell_error(c, EXIT_USAGE,
                          "cannot make a directory for the dry"
                          " run: %s",
                          strerror(errno));
    }
    buffer_clear(&b);
    buffer_printf(&b, "%s/data", *dir);
    c->set.data_dir = buffer_cstr(&b);
    const int code = session_open(c, MUSTER_OPEN_CREATE);
    c->set.data_dir = former;
    buffer_release(&b);
    return code;
}

static void remove_dry(cli *c, char *dir)
{
    if (dir == NULL)
        return;
    session_close(c);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    mem_free(dir);
}

/* ---- the verb ---- */

/* A word as a shell reads it back. */
static void put_word(buffer *b, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                                "UVWXYZ0123456789_-+=:,./@%";
    buffer_put_u8(b, ' ');
    if (*word != '\0' && word[strspn(word, plain)] == '\0') {
        buffer_put_str(b, word);
        return;
    }
    buffer_put_u8(b, '\'');
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            buffer_put_str(b, "'\\''");
        else
            buffer_put_u8(b, (uint8_t)*word);
    }
    buffer_put_u8(b, '\'');
}

/* How to go on with a load that broke off in files[at]. An id that was given
 * is that of all files, one that was made is that file's. */
static void tell_how_to_go_on(const load *l, int at, int count, char **files)
{
    const char *given = cli_flag_text(l->c, "load-id");
    buffer b;
    if (l->options.dry_run || l->refused || !l->begun)
        return;
    buffer_init(&b, (size_t)1 << 20);
    put_word(&b, given != NULL ? given : l->total.load_id);
    for (int i = given != NULL ? 0 : at; i < count; i++)
        put_word(&b, files[i]);
    tell(l->c, "to go on, with the same flags and the input from its beginning"
               " (nothing counts twice):");
    tell(l->c, "  muster load --load-id%s", buffer_cstr(&b));
    buffer_release(&b);
}

/* The n-th file of a load with an id of its own gets that id and its number,
 * so that a repeated load finds each file's place again. */
static void load_files(load *l, int count, char **files)
{
    const char *given = cli_flag_text(l->c, "load-id");
    int i = 0;
    buffer id;
    buffer_init(&id, 4096);
    interrupt_open();
    for (; i < count && l->code == 0 && !interrupt_is_seen(); i++) {
        buffer_clear(&id);
        if (given != NULL && i > 0)
            buffer_printf(&id, "%s.%d", given, i + 1);
        else if (given != NULL)
            buffer_put_str(&id, given);
        l->options.load_id = given != NULL ? buffer_cstr(&id) : NULL;
        l->file = files[i];
        load_file(l);
    }
    interrupt_close();
    buffer_release(&id);
    if (interrupt_is_seen())
        tell(l->c, "interrupted: what the receipt counts as accepted is"
                   " stored");
    if (interrupt_is_seen() || l->code != 0)
        tell_how_to_go_on(l, i - 1, count, files);
}

/* The generation that a load's end asks for; without it the next start takes
 * longer, and that is all. */
static void settle(cli *c)
{
    muster_error err;
    if (muster_engine_settle(c->engine, &err) != 0)
        tell(c, "no generation was written (%s); nothing is lost: the log"
                " holds everything, and the next start reads it",
             err.message);
}

static int cmd_load(cli *c, int argc, char **argv)
{
    load l = {.c = c, .options = MUSTER_FEED_OPTIONS_INIT};
    char *dry = NULL;
    int code = check_flags(&l);
    for (int i = 0; i < argc && code == 0; i++)
        code = check_file(c, argv[i]);
    if (code == 0)
        code = l.options.dry_run ? open_dry(c, &dry)
                                 : session_open(c, MUSTER_OPEN_CREATE);
    if (code == 0)
        code = open_rejects(&l);
    if (code == 0) {
        load_receipt_init(&l.total);
        load_files(&l, argc, argv);
        close_rejects(&l);
        if (l.total.loads > 0)
            load_receipt_print(c, &l.total, l.options.dry_run, l.rejects_path);
        out_flush(c);
        settle(c);
        code = l.code;
        if (code == 0 && l.total.rejected > 0)
            code = EXIT_PARTIAL;
        if (interrupt_is_seen())
            code = EXIT_INTERRUPTED;
        load_receipt_release(&l.total);
    }
    remove_dry(c, dry);
    return code;
}

static const cli_flag load_flags[] = {
    {"input-format", 'i', "FORMAT", "auto ndjson csv msgpack",
     "ndjson, csv or msgpack (told by the first bytes)"},
    {"provider", 0, "PROVIDER", NULL,
     "who says it, where a record does not tell"},
    {"map", 0, "FILE", NULL, "mapping of other shapes (not offered yet)"},
    {"load-id", 0, "ID", NULL,
     "name of the load: with it, a load that broke off goes on"},
    {"ack", 0, "WHEN", "durable applied",
     "done when on disk (durable), or visible too (applied)"},
    {"rejects", 0, "FILE", NULL,
     "write the place of every refused record, NDJSON"},
    {"max-errors", 0, "N", NULL, "stop after N refused records (never)"},
    {"dry-run", 0, NULL, NULL, "read and judge, store nothing"},
    CLI_FLAG_END};

const cli_verb verb_load = {
    .name = "load",
    .run = cmd_load,
    .synopsis = "[FLAG]... FILE...|-",
    .summary = "Read records of facts into the data directory",
    .about =
        "Records are NDJSON, CSV or msgpack, plain, gzip or zstd; a lone - is"
        " stdin. The\ndata directory and its key are made when they are not"
        " there yet. One record:\n"
        "\n"
        "    {\"ids\":{\"cookie\":\"4f2a\"},\"ts\":\"2026-11-20T10:00:00Z\","
        "\"provider\":\"shop\",\n"
        "     \"set\":{\"geo.country\":\"DE\",\"demo.age\":34},\n"
        "     \"add\":{\"interest\":[\"autos\"]},\n"
        "     \"events\":[{\"name\":\"page.view\",\"value\":\"pricing\"}]}\n"
        "\n"
        "Only `ids` is required. CSV names paths in its header:\n"
        "ids.cookie,ts,set.geo.country,add.interest,event.page.view; lists"
        " are split by |.\n"
        "\n"
        "A bad record never stops a load: it is counted by reason and told"
        " with its line,\nbyte offset and place. The receipt at the end is"
        " described in docs/receipt.md.\nWith several files each is a load of"
        " its own and the receipts are added up; the\nn-th file's load id is"
        " ID.n.\n"
        "\n"
        "A load that has an id can be run again with the same input: after a"
        " break it\ncontinues behind the last record that was stored and"
        " counts nothing twice, and the\nreceipt is that of the whole input;"
        " one that was finished does nothing and says so.\nAnother input"
        " under the same id is refused (exit code 5). What is durable when:\n"
        "docs/operations.md.\n",
    .flags = load_flags,
    .examples = "# a first data directory in ./muster-data\n"
                "muster load people.ndjson\n"
                "# from a pipe, with the refused records in a file\n"
                "zcat day.ndjson.gz | muster load - --provider shop --rejects"
                " bad.ndjson\n"
                "# after a break, the same line goes on\n"
                "muster load --load-id 2026-11-20 day.ndjson\n"
                "# is this file fit to be loaded?\n"
                "muster load --dry-run people.csv\n",
    .exits = "0 2 5 6 130",
    .words_min = 1,
    .words_max = -1,
    .operand = OPERAND_FILE,
};

/*
 * cmd_load.c - `muster load`: files or stdin into the data directory.
 *
 * Each file is a feed of its own, so that line numbers, CSV headers and
 * compressions stay apart; the receipts are added up. A file is read in
 * pieces of READ_BYTES; of plain text only whole lines are pushed, so that a
 * load that is interrupted between two pieces cuts no record in two. Pieces go
 * into a feed of the engine, or up to a server.
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
#include "client.h"
#include "derive.h"
#include "mapping_file.h"
#include "receipt.h"
#include "remote.h"

#define READ_BYTES ((size_t)1 << 20)
#define PREVIEW_RECORDS 5u

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
    char *made_id; /* of a load through a server that was given none */
    char *mapping; /* text of the mapping file */
} load;

/* ---- what the feed tells ---- */

static void write_reject(const load *l, const muster_reject *reject)
{
    buffer b;
    json_writer w;
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

static void on_reject(void *payload, const muster_reject *reject)
{
    const load *l = payload;
    if (l->rejects != NULL)
        write_reject(l, reject);
}

static void on_notice(void *payload, const char *text)
{
    const load *l = payload;
    tell(l->c, "%s: %s", l->file, text);
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

/* A file on its way, piece after piece. */
typedef struct source {
    load *l;
    int fd;
    uint8_t *piece;
    size_t held;  /* bytes in it */
    size_t whole; /* of them, to be taken: 0 at the end */
    size_t sent;  /* of those, by send_bytes */
    uint64_t read;
    bool begun;
    bool ended;
    int code;
} source;

static void source_open(source *s, load *l, int fd)
{
    *s = (source){.l = l, .fd = fd, .piece = mem_alloc(READ_BYTES)};
}

static void source_close(source *s)
{
    mem_free(s->piece);
}

/* The next piece, `whole` bytes; none at the end of the file, and when
 * interrupted. 0, or an exit code after telling. */
static int source_next(source *s)
{
    load *l = s->l;
    s->held -= s->whole;
    memmove(s->piece, s->piece + s->whole, s->held);
    s->whole = s->sent = 0;
    while (!s->ended && s->whole == 0 && !interrupt_is_seen()) {
        const ssize_t n = interrupt_read(s->fd, s->piece + s->held,
                                         READ_BYTES - s->held);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tell_error(l->c, EXIT_USAGE, "cannot read %s: %s", l->file,
                              strerror(errno));
        s->held += (size_t)n;
        s->read += (uint64_t)n;
        if (!s->begun)
            l->text = is_text(l, s->piece, s->held);
        s->begun = true;
        s->ended = n == 0;
        s->whole = s->ended ? s->held : ready(l, s->piece, s->held);
    }
    return 0;
}

/* Reads and pushes to the end or until interrupted. 0, or an exit code. */
static int pump(load *l, muster_feed *feed, int fd)
{
    source s;
    muster_error err;
    error_clear(&err);
    source_open(&s, l, fd);
    int code = source_next(&s);
    while (code == 0 && s.whole > 0) {
        if (muster_feed_push(feed, s.piece, s.whole, &err) < 0)
            code = tell_feed(l, &err);
        else
            code = source_next(&s);
    }
    source_close(&s);
    return code;
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

/* ---- the same through a server ---- */

static ssize_t send_bytes(void *payload, void *to, size_t len)
{
    source *s = payload;
    if (s->sent == s->whole)
        s->code = source_next(s);
    if (s->code != 0)
        return -1;
    const size_t left = s->whole - s->sent;
    const size_t n = left < len ? left : len;
    memcpy(to, s->piece + s->sent, n);
    s->sent += n;
    progress_update(s->l->bar, &(muster_progress){.bytes = s->read});
    return (ssize_t)n;
}

/* A server tells the first refused records only; so it does without
 * --rejects, too. */
static void write_told(load *l, const json_value *told)
{
    for (json_iter it = list_walk(json_get(told, "errors"));
         json_next(&it);)
        write_reject(l, &(muster_reject){
                            .line = member_uint(it.value, "line"),
                            .offset = member_uint(it.value, "offset"),
                            .pointer = member_str(it.value, "pointer"),
                            .code = member_str(it.value, "code"),
                            .message = member_str(it.value, "message"),
                        });
    if (member_bool(told, "errors_truncated"))
        tell(l->c, "%s has the first refused records only: a server tells no"
                   " more", l->rejects_path);
}

static void take_receipt(load *l, const char *json)
{
    json_doc *doc = NULL;
    muster_error err;
    load_receipt_add(&l->total, json, l->file);
    ASSERT(json_parse(&doc, json, strlen(json), JSON_STRICT, &err) == 0);
    const json_value *root = json_root(doc);
    progress_update(l->bar, &(muster_progress){
                                .bytes = member_uint(root, "bytes"),
                                .records = member_uint(root, "records"),
                                .rejected = member_uint(root, "rejected"),
                            });
    if (l->rejects != NULL)
        write_told(l, root);
    json_free(doc);
}

static void send_file(load *l, int fd)
{
    source s;
    char *json = NULL;
    muster_error err;
    error_clear(&err);
    source_open(&s, l, fd);
    const remote_load what = {&l->options, send_bytes, &s};
    const uint64_t before = l->total.records;
    const int status = remote_load_send(l->c->remote, &what, &json, &err);
    if (json != NULL)
        take_receipt(l, json);
    progress_free(l->bar);
    l->bar = NULL;
    l->code = s.code;
    if (status < 0 && l->code == 0)
        l->code = tell_feed(l, &err);
    /* What came without an answer may be stored. */
    l->begun = json != NULL ? l->total.records > before : s.read > 0;
    mem_free(json);
    source_close(&s);
}

/* ---- a file, wherever it goes ---- */

static void feed_file(load *l, int fd)
{
    muster_feed *feed = NULL;
    muster_error err;
    error_clear(&err);
    if (muster_feed_open(&feed, l->c->engine, &l->options, &err) < 0) {
        l->code = tell_feed(l, &err);
    } else {
        l->code = pump(l, feed, fd);
        finish(l, feed);
    }
    muster_feed_free(feed);
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
    uint64_t size;
    l->begun = false;
    const int fd = open_file(l, &size);
    if (fd < 0) {
        l->code = EXIT_USAGE;
        return;
    }
    l->bar = progress_new(l->c, size, "load");
    if (l->c->remote != NULL)
        send_file(l, fd);
    else
        feed_file(l, fd);
    progress_free(l->bar);
    l->bar = NULL;
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
    cli *c = l->c;
    const char *format = cli_flag_text(c, "input-format");
    const char *provider = cli_flag_text(c, "provider");
    const char *load_id = cli_flag_text(c, "load-id");
    const char *ack = cli_flag_text(c, "ack");
    l->options.format = muster_input_format_find(text_of(format));
    l->options.id_space = cli_flag_text(c, "id-space");
    if (!cli_flag_uint(c, "max-errors", &l->options.max_errors))
        return EXIT_USAGE;
    if (provider != NULL && *provider == '\0')
        return tell_usage(c, "--provider needs a name");
    if (load_id != NULL && *load_id == '\0')
        return tell_usage(c, "--load-id needs a name");
    l->options.provider = provider;
    l->options.dry_run = cli_flag_is(c, "dry-run");
    l->options.preview = PREVIEW_RECORDS;
    if (ack != NULL && strcmp(ack, "applied") == 0)
        l->options.ack = MUSTER_ACK_APPLIED;
    l->options.reject = on_reject;
    l->options.notice = on_notice;
    l->options.progress = on_progress;
    l->options.payload = l;
    return 0;
}

/* Through a server, what it was started with is used. */
static int open_derive(load *l)
{
    static const char *const flags[] = {"geo", "ua-regexes", "keep-bots"};
    for (size_t i = 0; i < 3; i++)
        if (l->c->set.server != NULL && cli_flag_is(l->c, flags[i]))
            return tell_error(l->c, EXIT_USAGE,
                              "--%s: through a server attributes are derived"
                              " from what the server was started with (muster"
                              " serve --%s)",
                              flags[i], flags[i]);
    return derive_from_flags(l->c, true, &l->options.derive);
}

/* The format is the mapping's, so a format that is given must be it. */
static int read_mapping(load *l)
{
    cli *c = l->c;
    const char *name = cli_flag_text(c, "map");
    muster_mapping_facts facts;
    if (name == NULL)
        return 0;
    if (c->set.server != NULL)
        return tell_error(c, EXIT_USAGE,
                          "--map does not go with --server: a server takes"
                          " records; load into its data directory, or map"
                          " where the data are");
    const int code = mapping_read(c, name, &l->mapping, &facts);
    if (code != 0)
        return code;
    const bool csv = facts.format == MUSTER_INPUT_CSV;
    const muster_input_format given = l->options.format;
    if (given != MUSTER_INPUT_AUTO && given != facts.format &&
        (csv || given != MUSTER_INPUT_ARRAY))
        return tell_error(c, EXIT_USAGE,
                          "--input-format: the mapping reads %s",
                          csv ? "csv" : "json");
    l->options.mapping = l->mapping;
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
    if (client_exists(c))
        return client_open(c, MUSTER_OPEN_READ);
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
    put_word(&b, given != NULL ? given
                 : l->made_id != NULL ? l->made_id
                                      : l->total.load_id);
    for (int i = given != NULL ? 0 : at; i < count; i++)
        put_word(&b, files[i]);
    tell(l->c, "to go on, with the same flags and the input from its beginning"
               " (nothing counts twice):");
    tell(l->c, "  muster load --load-id%s", buffer_cstr(&b));
    buffer_release(&b);
}

/* The engine makes one for itself; a server's answer may never come. */
static const char *make_id(load *l)
{
    mem_free(l->made_id);
    l->made_id = l->c->remote != NULL ? remote_load_id() : NULL;
    return l->made_id;
}

/* What the input is called, where that says what it is. */
static const char *name_of_input(const load *l)
{
    const char *given = cli_flag_text(l->c, "input-name");
    const char *slash = strrchr(l->file, '/');
    const char *name = slash != NULL ? slash + 1 : l->file;
    if (given != NULL)
        return given;
    return muster_input_is_named(name) ? name : NULL;
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
        l->options.load_id = given != NULL ? buffer_cstr(&id) : make_id(l);
        l->file = files[i];
        l->options.input_name = name_of_input(l);
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
    if (c->engine != NULL && muster_engine_settle(c->engine, &err) != 0)
        tell(c, "no generation was written (%s); nothing is lost: the log"
                " holds everything, and the next start reads it",
             err.message);
}

static int cmd_load(cli *c, int argc, char **argv)
{
    load l = {.c = c, .options = MUSTER_FEED_OPTIONS_INIT};
    char *dry = NULL;
    int code = check_flags(&l);
    if (code == 0)
        code = read_mapping(&l);
    for (int i = 0; i < argc && code == 0; i++)
        code = check_file(c, argv[i]);
    if (code == 0)
        code = open_derive(&l);
    if (code == 0)
        code = l.options.dry_run ? open_dry(c, &dry)
                                 : client_open(c, MUSTER_OPEN_CREATE);
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
        mem_free(l.made_id);
    }
    muster_derive_free(l.options.derive);
    mem_free(l.mapping);
    remove_dry(c, dry);
    return code;
}

static const cli_flag load_flags[] = {
    {"input-format", 'i', "FORMAT",
     "auto ndjson csv msgpack array aam-sync aam-overwrite aam-ids liveramp"
     " cdp",
     "ndjson, csv, msgpack, or a dialect (docs/dialects.md)"},
    {"input-name", 0, "NAME", NULL,
     "the file's name, of a dialect that reads it"},
    {"id-space", 0, "SPACE", NULL,
     "of the ids of an Audience Manager data file"},
    {"provider", 0, "PROVIDER", NULL,
     "who says it, where a record does not tell"},
    {"map", 0, "FILE", NULL,
     "read another shape through a mapping file or preset"},
    {"load-id", 0, "ID", NULL,
     "name of the load: with it, a load that broke off goes on"},
    {"ack", 0, "WHEN", "durable applied",
     "done when on disk (durable), or visible too (applied)"},
    {"rejects", 0, "FILE", NULL,
     "write the place of every refused record, NDJSON"},
    {"max-errors", 0, "N", NULL, "stop after N refused records (never)"},
    DERIVE_FLAG_GEO,
    DERIVE_FLAG_UA,
    DERIVE_FLAG_BOTS,
    {"dry-run", 0, NULL, NULL,
     "read and judge, show the first records, store nothing"},
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
        " are split by |.\nOther CSV and JSON takes a mapping: --map FILE"
        " (muster help map).\n"
        "\n"
        "With --geo, a record's `ip` becomes its geo.* and net.* attributes;"
        " the address\nitself is shortened, used and forgotten"
        " (docs/derive.md).\nThe same holds for `ua`, client hints (`ch`)"
        " and an OpenRTB `device`, which become\ndevice.* attributes; records"
        " of bots are refused (docs/devices.md).\n"
        "\n"
        "Files in the forms of others are read as they are (docs/dialects.md):"
        " data and\nid-sync files of Audience Manager by their names"
        " (ftp_dpm_478_1366545717.sync.gz),\nLiveRamp's CSV and messages of"
        " customer data platforms by --input-format.\n"
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
                "# countries and networks from the addresses of records\n"
                "muster load --geo city.mmdb --geo asn.mmdb visits.ndjson\n"
                "# is this file fit to be loaded?\n"
                "muster load --dry-run people.csv\n"
                "# an export of a CRM system, through a preset\n"
                "muster load --map hubspot-contacts contacts.csv\n",
    .exits = "0 2 5 6 7 130",
    .words_min = 1,
    .words_max = -1,
    .operand = OPERAND_FILE,
};

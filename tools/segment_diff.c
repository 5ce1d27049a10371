/*
 * segment_diff.c - `muster segment diff`: two texts of a segment, line by
 * line, as in
 *
 *     --- pricing-page, version 1
 *     +++ pricing-page, version 2
 *      page.view = "pricing" within 30 days
 *     -and not purchase
 *     +and not purchase within 90 days
 *
 * What is compared is the file form, so that a changed name or priority shows
 * as well. Lines are matched by a longest common subsequence: segments are at
 * most 64 KiB, so at most LINES_MAX lines are taken, the rest counts as one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd_segment.h"

#include <string.h>
#include <sys/stat.h>
#include "base/error.h"
#include "base/mem.h"
#include "client.h"

#define LINES_MAX 2000
#define FILE_BYTES_MAX ((size_t)1 << 20)
#define RED "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

static const column diff_columns[] = {
    {"segment", COLUMN_TEXT}, {"change", COLUMN_TEXT}, {"line", COLUMN_TEXT}};

/* One side: a text and its lines. */
typedef struct side {
    char *title; /* "pricing-page, version 1" */
    buffer text;
    muster_text lines[LINES_MAX];
    size_t count;
} side;

static side *side_new(const char *title, const segment_file *f)
{
    side *s = mem_zalloc(sizeof *s);
    s->title = mem_strdup(title);
    buffer_init(&s->text, FILE_BYTES_MAX);
    if (f == NULL)
        return s;
    segment_file_format(&s->text, f);
    const char *at = (const char *)s->text.data;
    size_t left = s->text.len;
    while (left > 0) {
        const char *end = memchr(at, '\n', left);
        size_t n = end != NULL ? (size_t)(end - at) : left;
        if (s->count == LINES_MAX - 1)
            n = left - (at[left - 1] == '\n');
        s->lines[s->count++] = text_make(at, n);
        const size_t used = n + (n < left);
        at += used;
        left -= used;
    }
    return s;
}

static void side_free(side *s)
{
    if (s == NULL)
        return;
    buffer_release(&s->text);
    mem_free(s->title);
    mem_free(s);
}

/* ---- writing ---- */

typedef struct diff {
    cli *c;
    rows *out; /* NULL: lines for people */
    const char *key;
    bool differs;
} diff;

static void put_line(diff *d, char sign, muster_text line)
{
    cli *c = d->c;
    const char *word = sign == '-' ? "removed" : "added";
    if (d->out != NULL) {
        rows_str(d->out, d->key);
        rows_str(d->out, sign == ' ' ? "same" : word);
        rows_text(d->out, line);
        return;
    }
    const bool color = c->set.color_out && sign != ' ';
    if (color)
        buffer_put_str(&c->out, sign == '-' ? RED : GREEN);
    buffer_put_u8(&c->out, (uint8_t)sign);
    out_put_safe(&c->out, c, line);
    if (color)
        buffer_put_str(&c->out, PLAIN);
    buffer_put_u8(&c->out, '\n');
}

/* lcs[i][j]: length of the longest common subsequence of a from line i and b
 * from line j. */
static uint16_t *common(const side *a, const side *b)
{
    const size_t width = b->count + 1;
    uint16_t *lcs = mem_array((a->count + 1) * width, sizeof *lcs);
    for (size_t i = a->count; i-- > 0;) {
        for (size_t j = b->count; j-- > 0;) {
            const uint16_t down = lcs[(i + 1) * width + j];
            const uint16_t right = lcs[i * width + j + 1];
            const uint16_t both = lcs[(i + 1) * width + j + 1];
            lcs[i * width + j] = text_equal(a->lines[i], b->lines[j])
                                     ? (uint16_t)(both + 1)
                                 : down > right ? down
                                                : right;
        }
    }
    return lcs;
}

static void put_lines(diff *d, const side *a, const side *b)
{
    const size_t width = b->count + 1;
    uint16_t *lcs = common(a, b);
    size_t i = 0;
    size_t j = 0;
    while (i < a->count || j < b->count) {
        if (i < a->count && j < b->count &&
            text_equal(a->lines[i], b->lines[j])) {
            put_line(d, ' ', a->lines[i++]);
            j++;
        } else if (i < a->count &&
                   (j == b->count ||
                    lcs[(i + 1) * width + j] >= lcs[i * width + j + 1])) {
            put_line(d, '-', a->lines[i++]);
        } else {
            put_line(d, '+', b->lines[j++]);
        }
    }
    mem_free(lcs);
}

/* Writes nothing when both sides are the same. Frees both. */
static void put_diff(diff *d, const char *key, side *a, side *b)
{
    const bool same = a->text.len == b->text.len &&
                      (a->text.len == 0 ||
                       memcmp(a->text.data, b->text.data, a->text.len) == 0);
    if (!same) {
        d->differs = true;
        d->key = key;
        if (d->out == NULL)
            out_printf(d->c, "--- %s\n+++ %s\n", a->title, b->title);
        put_lines(d, a, b);
    }
    side_free(a);
    side_free(b);
}

/* ---- the two sides ---- */

typedef struct versions {
    segment_set files; /* newest first */
    uint32_t numbers[2];
    uint32_t wanted[2]; /* 0: the newest, and the one before it */
    size_t seen;
} versions;

static int keep_version(void *payload, const muster_saved *row)
{
    versions *v = payload;
    const bool newest =
        v->wanted[1] == 0 ? v->seen == 0 : v->wanted[1] == row->version;
    const bool older =
        v->wanted[0] == 0 ? v->seen == 1 : v->wanted[0] == row->version;
    v->seen++;
    if (newest || older) {
        v->numbers[v->files.count] = row->version;
        segment_take(&v->files, row);
    }
    return v->files.count == 2;
}

static side *version_side(const versions *v, const char *key, size_t i)
{
    buffer title;
    buffer_init(&title, 1024);
    buffer_printf(&title, "%s, version %u", key, v->numbers[i]);
    side *s = side_new(buffer_cstr(&title), &v->files.items[i]);
    buffer_release(&title);
    return s;
}

static int parse_version(cli *c, const char *word, uint32_t *out)
{
    int64_t v;
    if (!text_parse_int(text_of(word), &v) || v < 1 || v > UINT32_MAX)
        return tell_usage(c, "'%s' is neither a version nor a file",
                          tell_safe(word));
    *out = (uint32_t)v;
    return 0;
}

static int diff_versions(diff *d, int argc, char **argv)
{
    cli *c = d->c;
    versions v = {.seen = 0};
    muster_error err;
    int code = 0;
    error_clear(&err);
    for (int i = 1; i < argc && code == 0; i++)
        code = parse_version(c, argv[i], &v.wanted[i - 1]);
    if (code != 0)
        return code;
    if (argc == 3 && v.wanted[0] == v.wanted[1])
        return 0;
    const bool swap = argc == 3 && v.wanted[0] > v.wanted[1];
    if (client_audience_versions(c, argv[0], keep_version, &v, &err) <
        0) {
        code = tell_status(c, &err, NULL, 0);
    } else if (v.files.count == 2) {
        side *newer = version_side(&v, argv[0], 0);
        side *older = version_side(&v, argv[0], 1);
        put_diff(d, argv[0], swap ? newer : older, swap ? older : newer);
    } else if (argc == 1) {
        tell(c, "%s has only one version", argv[0]);
    } else if (argc == 2 && v.seen > 0 && v.files.count == 1 &&
               v.numbers[0] == v.wanted[0]) {
        tell(c, "version %u is the current one", v.wanted[0]);
    } else {
        code = tell_error(c, EXIT_NOT_FOUND,
                          "%s has no such version; see muster segment log %s",
                          argv[0], argv[0]);
    }
    segment_set_release(&v.files);
    return code;
}

static int diff_file(diff *d, const char *key, const char *path)
{
    cli *c = d->c;
    segment_set saved = {NULL, 0, 0};
    segment_file file = {.key = NULL};
    char *text = NULL;
    size_t len = 0;
    muster_error err;
    int code = 0;
    if (segment_find(c, key, &saved, &err) < 0)
        code = tell_status(c, &err, NULL, 0);
    if (code == 0)
        code = input_read(c, path, MUSTER_SEGMENT_BYTES_MAX, &text, &len);
    if (code == 0)
        code = segment_file_parse(c, &file, key, path, text, len);
    if (code == 0)
        put_diff(d, key, side_new(key, &saved.items[0]), side_new(path, &file));
    mem_free(text);
    segment_file_release(&file);
    segment_set_release(&saved);
    return code;
}

static int diff_directory(diff *d, const char *dir)
{
    segment_set files = {NULL, 0, 0};
    segment_set saved = {NULL, 0, 0};
    int code = segment_set_read(d->c, &files, dir);
    if (code == 0)
        code = segment_set_saved(d->c, &saved);
    size_t i = 0;
    size_t j = 0;
    while (code == 0 && (i < files.count || j < saved.count)) {
        const segment_file *f = i < files.count ? &files.items[i] : NULL;
        const segment_file *s = j < saved.count ? &saved.items[j] : NULL;
        const int order = f == NULL   ? 1
                          : s == NULL ? -1
                                      : strcmp(f->key, s->key);
        const char *key = order <= 0 ? f->key : s->key;
        put_diff(
            d, key,
            side_new(order >= 0 ? key : "nothing saved", order >= 0 ? s : NULL),
            side_new(order <= 0 ? f->path : "no file", order <= 0 ? f : NULL));
        i += order <= 0;
        j += order >= 0;
    }
    segment_set_release(&files);
    segment_set_release(&saved);
    return code;
}

/* ---- the verb ---- */

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_file(const char *path)
{
    struct stat st;
    return strcmp(path, "-") == 0 ||
           (stat(path, &st) == 0 && !S_ISDIR(st.st_mode));
}

static bool is_saved(cli *c, const char *key)
{
    segment_set saved = {NULL, 0, 0};
    muster_error err;
    const bool found =
        segment_key_is_valid(key) && segment_find(c, key, &saved, &err) == 0;
    segment_set_release(&saved);
    return found;
}

static int diff_any(diff *d, int argc, char **argv)
{
    if (argc == 1 && is_directory(argv[0]) && !is_saved(d->c, argv[0]))
        return diff_directory(d, argv[0]);
    const int code = segment_key_check(d->c, argv[0]);
    if (code != 0)
        return code;
    int64_t version;
    const bool number = argc > 1 && text_parse_int(text_of(argv[1]), &version);
    if (argc == 2 && !number && is_file(argv[1]))
        return diff_file(d, argv[0], argv[1]);
    return diff_versions(d, argc, argv);
}

int cmd_segment_diff(cli *c, int argc, char **argv)
{
    diff d = {.c = c};
    int code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    out_open(c);
    if (c->set.format != FORMAT_TABLE && c->set.format != FORMAT_TSV)
        d.out = rows_open(c, "lines", diff_columns, 3);
    code = diff_any(&d, argc, argv);
    if (d.out != NULL)
        rows_close(d.out);
    out_member_bool(c, "differs", d.differs);
    out_close(c);
    if (code != 0)
        out_discard(c);
    return code == 0 && d.differs ? EXIT_FALSE : code;
}

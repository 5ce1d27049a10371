/*
 * geo_file.c - one database in the MaxMind DB form: opened, found in, read.
 *
 * The file is copied into memory of its own (a memfd), and what is checked is
 * the copy: who overwrites or shortens the file in place does not reach those
 * who read. geo_check.c has looked at all of it before libmaxminddb sees any.
 *
 * Records are found by walking the tree from a table of the IPv4 addresses'
 * first 16 bits; libmaxminddb would start over at the root. They are read by
 * libmaxminddb along the paths of `paths`: for an attribute the first that
 * says something. Those that no record of the database has are left aside, so
 * that reading costs what the database has; they also tell which attributes it
 * speaks of at all. One that speaks of none is refused: it was given by
 * mistake.
 *
 *   layout                    paths
 *   GeoIP2, GeoLite2, DB-IP   country.iso_code, subdivisions.0.iso_code,
 *                             city.names.en, location.metro_code, postal.code,
 *                             connection_type, autonomous_system_number;
 *                             those of GeoIP2 Enterprise under `traits`
 *   ip-location-db            country_code, city, postcode,
 *                             autonomous_system_number
 *
 * A value has the form that its attribute asks for, or it is left out: a
 * country two capital letters; a region the country, a dash and one to three
 * capital letters or digits (ISO 3166-2), so the names of regions that some
 * layouts have in its place are left out.
 *
 * Cost: opening reads the file, checks it (geo_check.c) and tries the paths,
 * a second for 100 MB. Threads: read-only once opened.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* memfd_create */
#include "ingest/geo_file.h"
#include "ingest/geo_check.h"

#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)1 << 20)
#define TOPS ((size_t)1 << 16)

/* Ways to say a value in the form of its attribute. */
typedef enum geo_form {
    FORM_COUNTRY,
    FORM_REGION,
    FORM_TEXT,
    FORM_CODE,  /* a number, as text */
    FORM_WORDS, /* "Cable/DSL" becomes cable_dsl */
    FORM_NUMBER
} geo_form;

#define PATH_PARTS 4
/* In the order of the attributes: a region needs its country before it. */
static const struct {
    muster_derived_attribute which;
    geo_form form;
    const char *parts[PATH_PARTS];
} paths[] = {
    {MUSTER_GEO_COUNTRY, FORM_COUNTRY, {"country", "iso_code"}},
    {MUSTER_GEO_COUNTRY, FORM_COUNTRY, {"country_code"}},
    {MUSTER_GEO_REGION, FORM_REGION, {"subdivisions", "0", "iso_code"}},
    {MUSTER_GEO_CITY, FORM_TEXT, {"city", "names", "en"}},
    {MUSTER_GEO_CITY, FORM_TEXT, {"city"}},
    {MUSTER_GEO_METRO, FORM_CODE, {"location", "metro_code"}},
    {MUSTER_GEO_POSTAL, FORM_TEXT, {"postal", "code"}},
    {MUSTER_GEO_POSTAL, FORM_TEXT, {"postcode"}},
    {MUSTER_NET_CONNECTION, FORM_WORDS, {"connection_type"}},
    {MUSTER_NET_CONNECTION, FORM_WORDS, {"traits", "connection_type"}},
    {MUSTER_GEO_ASN, FORM_NUMBER, {"autonomous_system_number"}},
    {MUSTER_GEO_ASN, FORM_NUMBER, {"traits", "autonomous_system_number"}},
};
#define PATH_COUNT (sizeof paths / sizeof paths[0])
_Static_assert(PATH_COUNT <= 32, "a set of paths is 32 bits");

/* Parts of geo_record.own. */
#define OWN_REGION 0u
#define OWN_METRO 8u
#define OWN_WORDS 24u

struct geo_file {
    uint32_t refs;
    MMDB_s mmdb;
    bool opened; /* mmdb is */
    geo_layout layout;
    uint8_t *bytes; /* mapped */
    size_t len;
    uint32_t *tops; /* by first 16 bits of an IPv4 address: as geo_child */
    uint32_t active; /* paths that some record has */
    uint32_t open;
};

/* ---- finding ---- */

static bool bit_of(const uint8_t *bytes, unsigned i)
{
    return (bytes[i / 8] >> (7 - i % 8) & 1) != 0;
}

/* On from `at`, by the bits of the address from `from` to `to` and then by
 * zeros, up to what is no node. */
static uint32_t walk_on(const geo_layout *l, uint32_t at, const uint8_t *bytes,
                        unsigned from, unsigned to)
{
    for (unsigned i = from; at < l->node_count; i++)
        at = geo_child(l, at, i < to && bit_of(bytes, i));
    return at;
}

static uint32_t v4_root(const geo_layout *l)
{
    uint32_t at = 0;
    for (unsigned i = 0; l->v6 && i < 96 && at < l->node_count; i++)
        at = geo_child(l, at, false);
    return at;
}

static void make_tops(geo_file *f)
{
    const geo_layout *l = &f->layout;
    const uint32_t root = v4_root(l);
    f->tops = mem_array(TOPS, sizeof *f->tops);
    for (uint32_t i = 0; i < TOPS; i++) {
        uint32_t at = root;
        for (unsigned bit = 16; bit-- > 0 && at < l->node_count;)
            at = geo_child(l, at, (i >> bit & 1) != 0);
        f->tops[i] = at;
    }
}

bool geo_file_find(const geo_file *f, const geo_address *address,
                   uint32_t *offset)
{
    const geo_layout *l = &f->layout;
    const uint8_t *bytes = address->bytes;
    uint32_t at = l->node_count;
    if (address->v4)
        at = walk_on(l, f->tops[(size_t)bytes[0] << 8 | bytes[1]], bytes, 16,
                     24);
    else if (l->v6)
        at = walk_on(l, 0, bytes, 0, 48);
    if (at == l->node_count)
        return false;
    *offset = at - l->node_count - GEO_GAP;
    return true;
}

/* ---- reading ---- */

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ISO 3166-1 alpha-2; ZZ is its "unknown". */
static bool is_country(muster_text t)
{
    return t.len == 2 && is_capital(t.ptr[0]) && is_capital(t.ptr[1]) &&
           !text_is(t, "ZZ");
}

static bool put_text(geo_record *r, int which, muster_text text)
{
    if (text.len == 0)
        return false;
    r->known |= DERIVED_BIT(which);
    r->texts[which] = text;
    return true;
}

/* "BY" of DE becomes DE-BY. */
static bool put_region(geo_record *r, muster_text code)
{
    char *own = r->own + OWN_REGION;
    bool fits = code.len >= 1 && code.len <= 3 &&
                (r->known & DERIVED_BIT(MUSTER_GEO_COUNTRY)) != 0;
    for (size_t i = 0; i < code.len && fits; i++)
        fits = is_capital(code.ptr[i]) || is_digit(code.ptr[i]);
    if (!fits)
        return false;
    memcpy(own, r->texts[MUSTER_GEO_COUNTRY].ptr, 2);
    own[2] = '-';
    memcpy(own + 3, code.ptr, code.len);
    return put_text(r, MUSTER_GEO_REGION, text_make(own, code.len + 3));
}

/* Letters and digits in lower case, what is between them one `_`. */
static bool put_words(geo_record *r, int which, muster_text text)
{
    char *own = r->own + OWN_WORDS;
    size_t len = 0;
    if (text.len >= sizeof r->own - OWN_WORDS)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (is_capital(c))
            own[len++] = (char)(c - 'A' + 'a');
        else if ((c >= 'a' && c <= 'z') || is_digit(c))
            own[len++] = c;
        else if (len > 0 && own[len - 1] != '_')
            own[len++] = '_';
    }
    len -= len > 0 && own[len - 1] == '_';
    return put_text(r, which, text_make(own, len));
}

static bool put_number(geo_record *r, geo_form form, int which,
                       const MMDB_entry_data_s *data)
{
    char *own = r->own + OWN_METRO;
    const uint32_t number = data->type == MMDB_DATA_TYPE_UINT32 ? data->uint32
                            : data->type == MMDB_DATA_TYPE_UINT16
                                ? data->uint16
                                : 0;
    if (number == 0)
        return false;
    if (form == FORM_CODE)
        return put_text(r, which,
                        text_make(own, text_format_uint(own, number)));
    r->known |= DERIVED_BIT(which);
    r->number = number;
    return true;
}

static bool put_value(geo_record *r, size_t path, const MMDB_entry_data_s *data)
{
    const int which = (int)paths[path].which;
    const geo_form form = paths[path].form;
    if (form == FORM_NUMBER || form == FORM_CODE)
        return put_number(r, form, which, data);
    if (data->type != MMDB_DATA_TYPE_UTF8_STRING)
        return false;
    const muster_text text = text_make(data->utf8_string, data->data_size);
    switch (form) {
    case FORM_COUNTRY:
        return is_country(text) && put_text(r, which, text);
    case FORM_REGION:
        return put_region(r, text);
    case FORM_WORDS:
        return put_words(r, which, text);
    default:
        return derive_text_is_fit(text) && put_text(r, which, text);
    }
}

/* The value at the end of the path, if there is one that fits. */
static bool try_path(const geo_file *f, uint32_t offset, size_t path,
                     geo_record *out)
{
    MMDB_entry_s entry = {&f->mmdb, offset};
    MMDB_entry_data_s data;
    return MMDB_aget_value(&entry, &data, paths[path].parts) == MMDB_SUCCESS &&
           data.has_data && put_value(out, path, &data);
}

void geo_file_read(const geo_file *f, uint32_t offset, geo_record *out)
{
    out->known = 0;
    for (size_t i = 0; i < PATH_COUNT; i++)
        if ((f->active >> i & 1) != 0 &&
            (out->known & DERIVED_BIT(paths[i].which)) == 0)
            try_path(f, offset, i, out);
}

/* ---- opening ---- */

/* Which paths lead somewhere: each is tried until it did once. A region is
 * only tried with its country. */
static void find_paths(geo_file *f)
{
    const geo_layout *l = &f->layout;
    for (size_t i = 0; i < l->record_count; i++) {
        geo_record r;
        geo_file_read(f, l->records[i], &r);
        for (size_t path = 0; path < PATH_COUNT; path++)
            if ((f->active >> path & 1) == 0 &&
                try_path(f, l->records[i], path, &r))
                f->active |= UINT32_C(1) << path;
    }
    for (size_t path = 0; path < PATH_COUNT; path++)
        if ((f->active >> path & 1) != 0)
            f->open |= DERIVED_BIT(paths[path].which);
}

/* How much memory it needs is known before any is taken. */
static int too_large(const char *name, muster_error *err)
{
    return error_set(err, MUSTER_ELIMIT, "too_large",
                     "%s is larger than %llu MiB", name,
                     (unsigned long long)(MUSTER_GEO_BYTES_MAX >> 20));
}

static int refuse(const char *name, const muster_error *why, muster_error *err)
{
    return error_set(err, why->code, why->word, "%s cannot be used: %s", name,
                     why->message);
}

/* Maps the copy and lets the library open it by its number. */
static int open_copy(geo_file *f, int copy, const char *name,
                     muster_error *err)
{
    char path[64];
    muster_error why;
    void *map = mmap(NULL, f->len, PROT_READ, MAP_SHARED, copy, 0);
    if (map == MAP_FAILED)
        return error_errno(err, "read", name);
    f->bytes = map;
    if (geo_check(&f->layout, f->bytes, f->len, &why) != 0)
        return refuse(name, &why, err);
    snprintf(path, sizeof path, "/proc/self/fd/%d", copy);
    const int rc = MMDB_open(path, MMDB_MODE_MMAP, &f->mmdb);
    if (rc != MMDB_SUCCESS)
        return error_set(err, MUSTER_ECORRUPT, "bad_database",
                         "%s cannot be used: %s", name, MMDB_strerror(rc));
    f->opened = true;
    find_paths(f);
    mem_free(f->layout.records);
    f->layout.records = NULL;
    if (f->open == 0)
        return error_set(err, MUSTER_EINVAL, "nothing_derived",
                         "%s cannot be used: no record of it has an attribute "
                         "that is derived (its type is %s)",
                         name, f->layout.type);
    make_tops(f);
    return 0;
}

/* Takes the copy, which is closed. */
static int open_file(geo_file **out, int take_copy, size_t len,
                     const char *name, muster_error *err)
{
    geo_file *f = mem_zalloc(sizeof *f);
    f->refs = 1;
    f->len = len;
    const int rc = open_copy(f, take_copy, name, err);
    close(take_copy);
    if (rc != 0) {
        geo_file_release(f);
        return rc;
    }
    *out = f;
    return 0;
}

static int new_copy(void)
{
    return memfd_create("muster-geo", MFD_CLOEXEC);
}

static bool write_all(int to, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(to, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

int geo_file_open_bytes(geo_file **out, const char *name, const void *bytes,
                        size_t len, muster_error *err)
{
    ASSERT(out != NULL && (bytes != NULL || len == 0));
    *out = NULL;
    if (len > MUSTER_GEO_BYTES_MAX)
        return too_large(name, err);
    if (len == 0)
        return error_set(err, MUSTER_ECORRUPT, "bad_database",
                         "%s cannot be used: it is empty", name);
    const int copy = new_copy();
    if (copy < 0)
        return error_errno(err, "read", name);
    if (!write_all(copy, bytes, len)) {
        const int rc = error_errno(err, "read", name);
        close(copy);
        return rc;
    }
    return open_file(out, copy, len, name, err);
}

static bool is_too_large(int file)
{
    struct stat s;
    return fstat(file, &s) == 0 && s.st_size > (off_t)MUSTER_GEO_BYTES_MAX;
}

/* All of a file; it may grow or shrink meanwhile. -1 with errno, or EFBIG. */
static int copy_all(int from, int to, size_t *len)
{
    int rc = 0;
    ssize_t n = 0;
    *len = 0;
    errno = EFBIG;
    if (is_too_large(from))
        return -1;
    uint8_t *block = mem_alloc(COPY_BYTES);
    while (rc == 0 && (n = read(from, block, COPY_BYTES)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n > 0)
            *len += (size_t)n;
        if (*len > MUSTER_GEO_BYTES_MAX)
            errno = EFBIG;
        if (n < 0 || *len > MUSTER_GEO_BYTES_MAX ||
            !write_all(to, block, (size_t)n))
            rc = -1;
    }
    mem_free(block);
    return rc;
}

int geo_file_open(geo_file **out, const char *path, muster_error *err)
{
    ASSERT(out != NULL && path != NULL);
    size_t len = 0;
    *out = NULL;
    const int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return error_errno(err, "read", path);
    const int copy = new_copy();
    int rc = copy < 0 ? error_errno(err, "read", path) : 0;
    if (rc == 0 && copy_all(from, copy, &len) != 0)
        rc = errno == EFBIG ? too_large(path, err)
                            : error_errno(err, "read", path);
    close(from);
    if (rc == 0 && len > 0)
        return open_file(out, copy, len, path, err);
    if (copy >= 0)
        close(copy);
    return rc != 0 ? rc : geo_file_open_bytes(out, path, NULL, 0, err);
}

geo_file *geo_file_retain(geo_file *f)
{
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    return f;
}

void geo_file_release(geo_file *f)
{
    if (f == NULL || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (f->opened)
        MMDB_close(&f->mmdb);
    geo_layout_release(&f->layout);
    if (f->bytes != NULL)
        munmap(f->bytes, f->len);
    mem_free(f->tops);
    mem_free(f);
}

const char *geo_file_type(const geo_file *f)
{
    return f->layout.type;
}

muster_time geo_file_built(const geo_file *f)
{
    return f->layout.built;
}

uint32_t geo_file_open_set(const geo_file *f)
{
    return f->open;
}

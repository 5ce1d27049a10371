/*
 * liveramp.c - the columns of LiveRamp's files: identifiers by their header,
 * every other column a data field (LiveRamp, "Formatting Column-Based Files",
 * "Formatting Identifiers", "Hashing Identifiers").
 *
 * Headers are compared without regard to case and to what stands between
 * letters and digits, and a number at the end of what they name counts the
 * columns of one kind: EMAIL2, email_2, EMAIL1_SHA-256. The rows are those of
 * csv.c.
 *
 * Hashes are taken as they are, lower-cased; an address or number that is not
 * hashed is refused where it stands in the column of its hashes. Names and
 * postal addresses tell who somebody is and are no ids here: their columns
 * are passed over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"

#include <stdio.h>

/* Headers: letters and digits in upper case, a number behind the kind left
 * out. */
static const struct {
    const char *header;
    liveramp_kind kind;
    const char *space;
} known[] = {
    {"EMAIL", LIVERAMP_ID, "email_sha256"},
    {"EMAILADDRESS", LIVERAMP_ID, "email_sha256"},
    {"EMAILSHA256", LIVERAMP_ID, "email_sha256"},
    {"SHA256EMAIL", LIVERAMP_ID, "email_sha256"},
    {"HASHEDEMAIL", LIVERAMP_ID, "email_sha256"},
    {"EMAILSHA1", LIVERAMP_ID, "email_sha1"},
    {"SHA1EMAIL", LIVERAMP_ID, "email_sha1"},
    {"EMAILMD5", LIVERAMP_ID, "email_md5"},
    {"MD5EMAIL", LIVERAMP_ID, "email_md5"},
    {"PHONE", LIVERAMP_ID, "phone_sha1"},
    {"PHONENUMBER", LIVERAMP_ID, "phone_sha1"},
    {"PHONESHA1", LIVERAMP_ID, "phone_sha1"},
    {"SHA1PHONE", LIVERAMP_ID, "phone_sha1"},
    {"AAID", LIVERAMP_ID, "gaid"},
    {"GAID", LIVERAMP_ID, "gaid"},
    {"IDFA", LIVERAMP_ID, "idfa"},
    {"AAIDSHA1", LIVERAMP_ID, "maid_sha1"},
    {"IDFASHA1", LIVERAMP_ID, "maid_sha1"},
    {"MAIDSHA1", LIVERAMP_ID, "maid_sha1"},
    {"CTVID", LIVERAMP_ID, "ctv"},
    {"CTV", LIVERAMP_ID, "ctv"},
    {"COOKIE", LIVERAMP_ID, "cookie"},
    {"COOKIEID", LIVERAMP_ID, "cookie"},
    {"RAMPID", LIVERAMP_ID, "rampid"},
    {"IDL", LIVERAMP_ID, "rampid"},
    {"IDENTITYLINK", LIVERAMP_ID, "rampid"},
    {"CCID", LIVERAMP_ID, "customer"},
    {"CUSTOMID", LIVERAMP_ID, "customer"},
    {"CUSTOMERID", LIVERAMP_ID, "customer"},
    {"CLIENTCUSTOMERID", LIVERAMP_ID, "customer"},
    {"FIRSTNAME", LIVERAMP_DROPPED, NULL},
    {"LASTNAME", LIVERAMP_DROPPED, NULL},
    {"MIDDLENAME", LIVERAMP_DROPPED, NULL},
    {"FULLNAME", LIVERAMP_DROPPED, NULL},
    {"ADDRESS", LIVERAMP_DROPPED, NULL},
    {"CITY", LIVERAMP_DROPPED, NULL},
    {"STATE", LIVERAMP_DROPPED, NULL},
    {"ZIP", LIVERAMP_DROPPED, NULL},
    {"ZIPCODE", LIVERAMP_DROPPED, NULL},
    {"POSTALCODE", LIVERAMP_DROPPED, NULL},
    {"POSTCODE", LIVERAMP_DROPPED, NULL},
    {"IPADDRESS", LIVERAMP_DROPPED, NULL},
};
#define KNOWN_COUNT (sizeof known / sizeof *known)
#define HEADER_MAX 32u

/* Letters and digits of a header in upper case; "" when there are too many.
 * Digits before a mark of a hash, or at the end, are left out. */
static void plain_header(muster_text header, char *out)
{
    size_t len = 0;
    bool counting = false;
    for (size_t i = 0; i < header.len && len < HEADER_MAX; i++) {
        char c = header.ptr[i];
        if (c >= 'a' && c <= 'z')
            c = (char)(c & ~0x20);
        const bool digit = c >= '0' && c <= '9';
        const bool letter = c >= 'A' && c <= 'Z';
        const bool of_hash = len > 1 && (memcmp(out + len - 2, "HA", 2) == 0 ||
                                         memcmp(out + len - 2, "MD", 2) == 0);
        counting = digit && (counting || !of_hash) && len > 0 &&
                   out[len - 1] >= 'A';
        if (letter || (digit && !counting))
            out[len++] = c;
    }
    out[len < HEADER_MAX ? len : 0] = '\0';
}

/* A hash of an address or number that has no space here: no data either. */
static bool is_other_hash(const char *plain)
{
    return (strstr(plain, "SHA") != NULL || strstr(plain, "MD5") != NULL) &&
           (strstr(plain, "EMAIL") != NULL || strstr(plain, "PHONE") != NULL);
}

bool liveramp_column(muster_text header, liveramp_kind *kind, char *name)
{
    char plain[HEADER_MAX + 1] = "";
    plain_header(header, plain);
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strcmp(plain, known[i].header) != 0)
            continue;
        *kind = known[i].kind;
        snprintf(name, MUSTER_NAME_BYTES_MAX + 1, "%s",
                 known[i].space != NULL ? known[i].space : "");
        return true;
    }
    if (is_other_hash(plain)) {
        *kind = LIVERAMP_DROPPED;
        name[0] = '\0';
        return true;
    }
    *kind = LIVERAMP_DATA;
    return !identity_is_pii(header) && cdp_name(name, header) > 0;
}

static size_t hash_digits(muster_text space)
{
    if (text_is(space, "email_md5"))
        return 32;
    return space.len > 5 &&
                   text_is(text_make(space.ptr + space.len - 5, 5), "_sha1")
               ? 40
               : 0;
}

const char *liveramp_wrong_hash(muster_text space, muster_text id)
{
    const size_t digits = hash_digits(space);
    bool ok = digits == 0 || id.len == digits;
    for (size_t i = 0; ok && digits > 0 && i < id.len; i++)
        ok = (id.ptr[i] >= '0' && id.ptr[i] <= '9') ||
             (id.ptr[i] >= 'a' && id.ptr[i] <= 'f');
    return ok ? NULL
              : "this column takes hashes, as digits and lower-case letters; "
                "what is not hashed is not taken";
}

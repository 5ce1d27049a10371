/*
 * contact.h - digests of e-mail addresses and phone numbers.
 *
 * An address or a number is brought to the normal form that the owner of a
 * rule asks for and hashed with SHA-256, without salt: two parties who both
 * know it get the same digest, and that is what the digest is for. It is no
 * pseudonym: whoever has a list of addresses can find it again. Muster stores
 * neither; digests come in as ids (spaces email_sha256, phone_sha256) and
 * become pseudonyms under the secret key like every other id.
 *
 * The rules differ, so that one address has several digests. docs/mappings.md
 * has the table.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_CONTACT_H
#define MUSTER_CONTACT_H

#include <muster/error.h>
#include <muster/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum muster_contact_rule {
    MUSTER_CONTACT_UID2 = 0,
    MUSTER_CONTACT_GOOGLE = 1,
    MUSTER_CONTACT_AAM = 2, /* e-mail only */
    MUSTER_CONTACT_META = 3,
    MUSTER_CONTACT_TIKTOK = 4
} muster_contact_rule;

typedef enum muster_contact_kind {
    MUSTER_CONTACT_EMAIL = 0,
    MUSTER_CONTACT_PHONE = 1
} muster_contact_kind;

typedef enum muster_contact_encoding {
    MUSTER_CONTACT_HEX = 0,   /* 64 digits, lower case */
    MUSTER_CONTACT_BASE64 = 1 /* 44 characters, of the digest's raw bytes */
} muster_contact_encoding;

/* How contacts are hashed; zero is: UID2, e-mail, hex. */
typedef struct muster_contact {
    muster_contact_rule rule;
    muster_contact_kind kind;
    muster_contact_encoding encoding;
    /* Calling code (49) that completes national phone numbers, 1 to 999; 0:
     * a number without its country is refused where the rule asks for one. */
    uint16_t country;
} muster_contact;

/* Room for every digest and its NUL. */
#define MUSTER_CONTACT_DIGEST_BYTES 65u
/* RFC 5321, 4.5.3.1.3: a path has 256 octets with its brackets. */
#define MUSTER_CONTACT_EMAIL_BYTES_MAX 254u
/* ITU-T E.164, 6.2.1: country code and number together. */
#define MUSTER_CONTACT_PHONE_DIGITS_MAX 15u

/* "uid2", "google", "aam", "meta", "tiktok"; MUSTER_ENOTFOUND "unknown_rule"
 * with the nearest name suggested. Any thread. */
MUSTER_API int muster_contact_rule_find(muster_contact_rule *out,
                                        muster_text name, muster_error *err);
/* "+49" or "49". MUSTER_EINVAL "bad_country". Any thread. */
MUSTER_API int muster_contact_country_parse(uint16_t *out, muster_text text,
                                            muster_error *err);
/* What muster_contact_hash would refuse whatever the contact is: the code and
 * word of that ("no_phone_rule"). Any thread. */
MUSTER_API int muster_contact_check(const muster_contact *how,
                                    muster_error *err);
/* The digest of one address or number, ended by NUL. Errors never quote it:
 * MUSTER_EINVAL "empty_contact", "bad_email", "long_email", "bad_phone",
 * "no_country"; "no_phone_rule" (of AAM, which has none). Nothing of it is
 * left in memory that Muster used. Cost: one SHA-256; no allocation. Any
 * thread. */
MUSTER_API int muster_contact_hash(const muster_contact *how, muster_text raw,
                                   char out[MUSTER_CONTACT_DIGEST_BYTES],
                                   muster_error *err);

#ifdef __cplusplus
}
#endif
#endif

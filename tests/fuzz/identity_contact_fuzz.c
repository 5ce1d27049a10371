/*
 * identity_contact_fuzz.c - any bytes as an e-mail address or a phone number:
 * under every rule refused without a digest, or one digest in both encodings
 * that an other spelling of the same (white space around it) has too.
 *
 * The first byte says which calling code completes a number.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "identity/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const muster_contact *how, muster_text raw,
                    muster_text spaced)
{
    char digest[MUSTER_CONTACT_DIGEST_BYTES] = "";
    char again[MUSTER_CONTACT_DIGEST_BYTES] = "";
    muster_error err;
    error_clear(&err);
    const int rc = contact_hash(how, raw, digest, &err);
    ASSERT(contact_hash(how, spaced, again, NULL) == rc);
    ASSERT(strcmp(digest, again) == 0);
    ASSERT((rc == 0) == (err.word[0] == '\0'));
    const size_t want = how->encoding == MUSTER_CONTACT_HEX ? 64 : 44;
    ASSERT(strlen(digest) == (rc == 0 ? want : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *copy = mem_alloc(size + 1);
    memcpy(copy, data + 1, size - 1);
    copy[size - 1] = ' ';
    copy[size] = '\n';
    for (int i = 0; i < 20; i++) {
        const muster_contact how = {(muster_contact_rule)(i / 4),
                                    (muster_contact_kind)(i / 2 % 2),
                                    (muster_contact_encoding)(i % 2), data[0]};
        compare(&how, text_make(copy, size - 1), text_make(copy, size + 1));
    }
    mem_free(copy);
    return 0;
}

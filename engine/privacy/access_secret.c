/*
 * access_secret.c - the secrets of keys: made, read, hashed.
 *
 *   bytes  0..11  "muster_live_"
 *   bytes 12..54  43 of [0-9A-Za-z], each drawn evenly: 256 bits
 *   bytes 55..60  CRC-32 (IEEE 802.3) of bytes 12..54 as a number of base 62,
 *                 its first digit first
 *
 * Valid if and only if (1) there are 61 bytes, (2) they begin so, (3) the rest
 * is of the alphabet, (4) the check fits. What is hashed are bytes 12..54. So
 * a typo is told from a key that does not hold, and a leaked key can be found
 * by its form in texts, without a look-up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "privacy/privacy.h"

#define PREFIX "muster_live_"
#define PREFIX_LEN (sizeof PREFIX - 1)
#define RANDOM_LEN 43u
#define CHECK_LEN 6u
#define SECRET_LEN (PREFIX_LEN + RANDOM_LEN + CHECK_LEN)

static const char digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char small_digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* Draws evenly: of bytes only those below the last whole multiple count. */
static void draw(char *out, size_t len, const char *alphabet, unsigned base)
{
    const unsigned below = 256u - 256u % base;
    uint8_t bytes[64];
    size_t have = 0;

    while (have < len) {
        identity_random(bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes && have < len; i++)
            if (bytes[i] < below)
                out[have++] = alphabet[bytes[i] % base];
    }
    identity_wipe(bytes, sizeof bytes);
}

/* A nibble at a time. */
static uint32_t crc32_of(const char *text, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
        0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= (uint8_t)text[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static void put_check(char *out, const char *random)
{
    uint32_t crc = crc32_of(random, RANDOM_LEN);

    for (size_t i = CHECK_LEN; i-- > 0; crc /= 62)
        out[i] = digits[crc % 62];
}

void access_secret_make(char *out)
{
    _Static_assert(SECRET_LEN + 1 == MUSTER_KEY_SECRET_BYTES,
                   "the public header says how long a secret is");
    memcpy(out, PREFIX, PREFIX_LEN);
    draw(out + PREFIX_LEN, RANDOM_LEN, digits, 62);
    put_check(out + PREFIX_LEN + RANDOM_LEN, out + PREFIX_LEN);
    out[SECRET_LEN] = '\0';
}

static bool is_digit62(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
}

bool access_secret_hash(const identity_key *key, muster_text secret,
                        uint8_t out[ACCESS_HASH_BYTES])
{
    char check[CHECK_LEN];

    _Static_assert(ACCESS_HASH_BYTES == IDENTITY_SECRET_HASH_BYTES &&
                       RANDOM_LEN <= IDENTITY_SECRET_MAX,
                   "what identity hashes");
    if (secret.len != SECRET_LEN || memcmp(secret.ptr, PREFIX, PREFIX_LEN))
        return false;
    const char *random = secret.ptr + PREFIX_LEN;
    for (size_t i = 0; i < RANDOM_LEN; i++)
        if (!is_digit62(random[i]))
            return false;
    put_check(check, random);
    if (memcmp(check, random + RANDOM_LEN, CHECK_LEN) != 0)
        return false;
    identity_secret_hash(key, text_make(random, RANDOM_LEN), out);
    return true;
}

void access_id_make(char out[ACCESS_ID_BYTES + 1])
{
    memcpy(out, "k_", 2);
    draw(out + 2, ACCESS_ID_BYTES - 2, small_digits, 36);
    out[ACCESS_ID_BYTES] = '\0';
}

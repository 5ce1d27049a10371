/*
 * ingest_map_row_fuzz.c - any input through two mappings that use all of the
 * language: as one chunk, and cut at other places.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char csv[] =
    "{\"input\":\"csv\",\"ttl\":\"7d\",\"blank\":[\"-\"],\"fields\":{\"p_j\":"
    "{\"join\":[\"a\",\"b\"],\"with\":\"+\",\"optional\":true}},\"drop\":[{"
    "\"if\":{\"field\":\"a\",\"in\":[\"x\"],\"optional\":true},\"reason\":"
    "\"x\"}],\"rules\":[{\"to\":\"ids.customer\",\"from\":\"id\",\"split\":"
    "\"|\"},{\"to\":\"ids.email_sha256\",\"from\":\"a\",\"hash\":\"uid2\","
    "\"invalid\":\"drop\",\"optional\":true},{\"to\":\"ids.k\",\"from\":"
    "\"p_j\",\"upper\":true},{\"to\":\"ts\",\"from\":\"t\",\"date\":[\"iso\","
    "\"D.M.YYYY h:mm A\",\"seconds\",\"excel\"],\"optional\":true},{\"to\":"
    "\"set.a\",\"from\":\"a\",\"map\":{\"q\":\"Q\"},\"else\":\"reject\","
    "\"empty\":\"clear\",\"optional\":true},{\"to\":\"set.b\",\"from\":\"b\","
    "\"number\":{\"decimal\":\",\",\"thousands\":\" \",\"percent\":true,"
    "\"scale\":0.25,\"strip\":[\"EUR\"]},\"optional\":true},{\"to\":\"set.f\","
    "\"from\":\"b\",\"flag\":true,\"invalid\":\"drop\",\"optional\":true},{"
    "\"to\":\"add.l\",\"from\":\"a\",\"split\":\";\",\"slug\":true,"
    "\"optional\":true},{\"to\":\"clear\",\"from\":\"c\",\"split\":\"|\","
    "\"optional\":true},{\"to\":\"events\",\"name\":{\"from\":\"a\",\"slug\":"
    "true},\"value\":{\"from\":\"b\"},\"count\":{\"from\":\"c\"},\"optional\":"
    "true}]}";

static const char json[] =
    "{\"input\":\"json\",\"each\":\"r\",\"rules\":[{\"to\":\"ids.customer\","
    "\"from\":[\"id\",\"$.id\"]},{\"to\":\"ts\",\"from\":\"t\"},{\"to\":"
    "\"set.a\",\"from\":\"a\",\"empty\":\"clear\"},{\"to\":\"set.n\",\"from\":"
    "\"b.c\",\"number\":true,\"invalid\":\"drop\"},{\"to\":\"add.l\",\"from\":"
    "\"l.*.x\"},{\"to\":\"remove.l\",\"from\":\"m\",\"keys\":true},{\"to\":"
    "\"provider\",\"from\":\"/p.q\"},{\"to\":\"ua\",\"from\":\"ua\"},{\"to\":"
    "\"events.e\",\"each\":\"l\",\"value\":{\"from\":\".x\"},\"amount\":"
    "{\"from\":\".y\"},\"ts\":{\"from\":\".t\",\"date\":\"millis\",\"invalid\":"
    "\"drop\"},\"if\":{\"not\":{\"field\":\".z\",\"in\":\"q\"}}}]}";

static mapping *compiled(const char *text)
{
    mapping *m = NULL;
    ASSERT(mapping_compile(&m, text, strlen(text), NULL) == 0);
    return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mapping *maps[2];
    if (maps[0] == NULL) {
        maps[0] = compiled(csv);
        maps[1] = compiled(json);
    }
    for (int i = 0; i < 2; i++) {
        fuzz_mapping = maps[i];
        fuzz_chunk(INGEST_AUTO, data, size);
        fuzz_cut(INGEST_AUTO, data, size);
    }
    fuzz_mapping = NULL;
    return 0;
}

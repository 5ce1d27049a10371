/*
 * reference.c - the reference of routes in Markdown, from the tables that make
 * the OpenAPI document: subject by subject, then the shapes of answers.
 * docs/http.md ends with it (tests/http/reference.test).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/openapi.h"

#include <string.h>
#include <muster/server.h>

static void put_code(buffer *b, muster_text text)
{
    buffer_put_u8(b, '`');
    buffer_put_text(b, text);
    buffer_put_u8(b, '`');
}

/* ---- a route ---- */

static void put_permissions(buffer *b, const http_route *route)
{
    bool first = true;
    if (route->may == 0) {
        buffer_put_str(b, "No key is needed.");
        return;
    }
    buffer_put_str(b, "Needs ");
    for (unsigned bit = 0; openapi_permission(bit) != NULL; bit++) {
        if ((route->may & 1u << bit) == 0)
            continue;
        if (!first)
            buffer_put_str(b, " or ");
        put_code(b, text_of(openapi_permission(bit)));
        first = false;
    }
    buffer_put_str(b, route->partner ? "; partners may ask." : ".");
}

static void put_size(buffer *b, size_t bytes)
{
    if (bytes == SIZE_MAX)
        buffer_put_str(b, "of any length");
    else if (bytes % ((size_t)1 << 20) == 0)
        buffer_printf(b, "up to %zu MiB", bytes >> 20);
    else
        buffer_printf(b, "up to %zu KiB", bytes >> 10);
}

static void put_medias(buffer *b, uint32_t medias)
{
    bool first = true;
    for (http_media m = MEDIA_JSON; m < MEDIA_OTHER; m++) {
        if ((medias & HTTP_MEDIA_BIT(m)) == 0)
            continue;
        if (!first)
            buffer_put_str(b, ", ");
        put_code(b, text_of(openapi_media(m)));
        first = false;
    }
}

static void put_parameter(buffer *b, muster_text name)
{
    const openapi_parameter *p = openapi_parameter_find(name);
    buffer_put_str(b, "- ");
    put_code(b, name);
    if (p != NULL)
        buffer_printf(b, " (%s): %s", p->type, p->about);
    buffer_put_u8(b, '\n');
}

static void put_parameters(buffer *b, const http_route *route)
{
    muster_text word;
    if (strchr(route->path, '{') == NULL && *route->query == '\0')
        return;
    buffer_put_u8(b, '\n');
    for (openapi_part p = openapi_parts_of(route); openapi_next_part(&p);)
        put_parameter(b, p.name);
    for (muster_text left = text_of(route->query);
         openapi_next_word(&left, &word);)
        put_parameter(b, word);
}

static void put_body(buffer *b, const http_route *route)
{
    const openapi_shape *shape = openapi_taken_by(route);
    if (route->body_max == 0)
        return;
    buffer_put_str(b, "\nBody: ");
    if (shape != NULL)
        buffer_printf(b, "[%s](#shapes) as ", shape->name);
    put_medias(b, (uint32_t)route->takes);
    buffer_put_str(b, ", ");
    put_size(b, route->body_max);
    buffer_put_str(b, ".\n");
}

static void put_answers(buffer *b, const http_route *route)
{
    const openapi_shape *shape = openapi_answered_by(route);
    int statuses[OPENAPI_STATUSES_MAX];
    const size_t n = openapi_statuses(route, statuses);
    buffer_put_str(b, "\nAnswers:");
    for (size_t i = 0; i < n; i++)
        buffer_printf(b, "%s %d", i > 0 ? "," : "", statuses[i]);
    if (shape != NULL)
        buffer_printf(b, "; [%s](#shapes)", shape->name);
    buffer_put_str(b, " as ");
    put_medias(b, (uint32_t)route->offers);
    buffer_put_str(b, ".\n");
}

static void put_route(buffer *b, const http_route *route)
{
    const bool asks = route->summary[strlen(route->summary) - 1] == '?';
    buffer_printf(b, "\n#### `%s %s`\n\n%s%s ",
                  http_method_name(route->method), route->path,
                  route->summary, asks ? "" : ".");
    put_permissions(b, route);
    if (route->admin_only)
        buffer_put_str(b, " On the admin listener alone, where there is one.");
    buffer_put_u8(b, '\n');
    put_parameters(b, route);
    put_body(b, route);
    put_answers(b, route);
    buffer_printf(b, "\n```text\n%s %s\n", http_method_name(route->method),
                  route->example);
    if (*route->sends != '\0')
        buffer_printf(b, "%s\n", route->sends);
    buffer_put_str(b, "```\n");
}

/* ---- all of them ---- */

static void put_subject(buffer *b, const openapi_subject *subject)
{
    bool first = true;
    for (const http_route *r = http_routes; r->name != NULL; r++) {
        if (openapi_subject_of(r) != subject)
            continue;
        if (first)
            buffer_printf(b, "\n### %c%s\n\n%s\n", subject->name[0] & ~0x20,
                          subject->name + 1, subject->about);
        first = false;
        put_route(b, r);
    }
}

static void put_shapes(buffer *b)
{
    buffer_put_str(b, "\n### Shapes\n\n"
                      "`name:type`; `?` marks what may be missing, `[ ]` a"
                      " list, `{ }` an object of such values, `=` one of"
                      " these words, `...` that there may be others.\n\n"
                      "| shape | members |\n| --- | --- |\n");
    for (const openapi_shape *s = openapi_shapes; s->name != NULL; s++) {
        buffer_printf(b, "| %s | %s<br>`", s->name, s->about);
        for (const char *c = s->members; *c != '\0'; c++) {
            if (*c == '|')
                buffer_put_u8(b, '\\');
            buffer_put_u8(b, (uint8_t)*c);
        }
        buffer_put_str(b, "` |\n");
    }
}

static void put_reference(buffer *b)
{
    buffer_put_str(b, "## Routes\n");
    for (const openapi_subject *s = openapi_subjects; s->name != NULL; s++)
        put_subject(b, s);
    put_shapes(b);
}

char *muster_server_reference(void)
{
    buffer b;
    buffer_init(&b, OPENAPI_BYTES_MAX);
    put_reference(&b);
    ASSERT(buffer_ok(&b));
    char *text = mem_strdup(buffer_cstr(&b));
    buffer_release(&b);
    return text;
}

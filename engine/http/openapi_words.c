/*
 * openapi_words.c - what is told about the routes beside their rows, and
 * taking rows apart: see openapi.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/openapi.h"

#include <string.h>

const openapi_subject openapi_subjects[] = {
    {"operations", "",
     "Is it well, what does it count, what can it do. No key is needed for"
     " what says so."},
    {"ingest", "ingest identify track page group batch",
     "Facts in: records as `muster load` takes them, and the events that"
     " customer data platforms send."},
    {"lookup", "lookup member openrtb",
     "Which segments is this user in: for ad servers, in microseconds."},
    {"segments", "segments",
     "Saved segments and their versions."},
    {"questions", "validate count overlap breakdown explain",
     "Exact answers about expressions, at once."},
    {"catalog", "attributes providers reports taxonomy",
     "What is known, who says it, and by which names others know it."},
    {"privacy", "optouts ids", "Users who want out."},
    {"access", "keys partners", "Who may ask what."},
    {NULL, NULL, NULL}};

const openapi_shape openapi_shapes[] = {
    {"Problem",
     "type:text title:text status:int detail:text instance?:text code:text"
     " request_id?:text class?:text errors?:[Finding]",
     "What was wrong (RFC 9457): `code` is for programs, `detail` for people."},
    {"Finding",
     "code:text|null message:text|null pointer?:text line?:int column?:int"
     " offset?:int length?:int suggestion?:text|null source?:text"
     " severity?:=error,warning",
     "What is wrong or doubtful, with its place in the body, expression or"
     " input."},
    {"Health",
     "status:text",
     "Whether the process is alive."},
    {"Readiness",
     "status:text",
     "Whether requests are answered."},
    {"Version",
     "name:text version:text",
     "What runs."},
    {"OpenApi",
     "openapi:text info:any servers:any tags:any paths:any components:any",
     "This document."},
    {"Receipt",
     "records:int accepted:int rejected:int reasons:{int} facts:{int}"
     " users_new:int conflicts:int unknown_attributes:[text]"
     " sources?:[Source] seconds:number"
     " records_per_s:number facts_per_s:number bytes:int load_id:text"
     " epoch:int resumed?:int repeated?:bool errors:[Finding]"
     " errors_truncated:bool aam?:any liveramp?:any cdp?:any"
     " request_id?:text",
     "What was read, accepted and refused (receipt.md)."},
    {"Source",
     "kind:text type:text built?:time",
     "A database that attributes were derived from."},
    {"Taken",
     "success:bool records:int accepted:int rejected:int reasons:{int}"
     " facts:{int} users_new:int conflicts:int unknown_attributes:[text]"
     " sources?:[Source] seconds:number records_per_s:number facts_per_s:number bytes:int"
     " load_id:text epoch:int resumed?:int repeated?:bool errors:[Finding]"
     " errors_truncated:bool duplicates:int dropped:{int} ignored:int"
     " request_id:text",
     "A receipt for messages of a customer data platform: also what came"
     " twice, was dropped, or was passed over."},
    {"Segments",
     "segments:[text] as_of:time epoch:int",
     "Keys of the segments that a user is in; none for a user that is not"
     " known."},
    {"Lookups",
     "results:[Lookup] as_of:time epoch:int",
     "One element for each id, in order."},
    {"Lookup",
     "status:=hit,miss,refused segments:[text]",
     "Refused: the id cannot be one of its space."},
    {"Members",
     "member:[bool] refused?:[int] as_of:time epoch:int",
     "One element for each id, in order; `refused` numbers ids that cannot be"
     " one of their space."},
    {"Enriched",
     "user?:{any}",
     "What to merge into the bid request, or the whole request"
     " (`return=request`)."},
    {"Saved",
     "key:text id:int version:int name:text priority:int served:bool"
     " removed:bool created:time|null expr:text count?:int",
     "A segment, or a version of it."},
    {"SavedPage",
     "data:[Saved] has_more:bool next_cursor:text|null as_of?:time epoch?:int",
     "Segments or versions."},
    {"Change",
     "key:text id:int|null version:int changed:bool dry_run:bool"
     " warnings:[Finding]",
     "What a write did, or with `dry_run` would have done."},
    {"Usage",
     "key:text segments:[text] as_of:time epoch:int",
     "Keys of the segments that refer to it."},
    {"Users",
     "users:[User] has_more:bool next_cursor:text|null as_of:time epoch:int",
     "Users by pseudonym."},
    {"User",
     "pseudonym:text",
     "32 hexadecimal digits."},
    {"Verdict",
     "ok:bool valid:bool checked:int text?:text ast?:any attributes?:[text]"
     " segments?:[text] findings:[Finding] as_of:time epoch:int",
     "`valid`: it can be asked; `ok`: and without a warning. `text` and `ast`"
     " are its canonical forms."},
    {"Count",
     "count:int universe:int share:number clauses?:[Clause] windows?:[Window]"
     " warnings:[Finding] estimate?:int low?:int high?:int error?:number"
     " sampled_rows?:int exact:bool as_of:time epoch:int elapsed_us:int",
     "How many users; with `error` asked for, about how many."},
    {"Clause",
     "path:text text:text count:int marginal:int",
     "A part of the expression, and what it changes in the total."},
    {"Window",
     "text:text from:time|null to:time|null",
     "What a window of the expression means now."},
    {"Overlap",
     "sets:[Set] pairs:[Pair] universe:int as_of:time epoch:int elapsed_us:int",
     "Sizes, and what each two share."},
    {"Set",
     "key:text count:int share:number",
     "A segment or expression of an overlap."},
    {"Pair",
     "a:text b:text count:int share_a:number share_b:number jaccard:number",
     "`share_a`: of a, that is in b too; `jaccard`: of all in a or b, those in"
     " both."},
    {"Breakdown",
     "by:text total:int rows:[Share] more:int warnings:[Finding] as_of:time"
     " epoch:int elapsed_us:int",
     "`more`: values that were left out."},
    {"Share",
     "value:text|null count:int share:number",
     "Users with a value; null: with none."},
    {"Explanation",
     "member:bool masked:bool until:time|null reasons:[Reason] as_of:time"
     " epoch:int",
     "`until`: when that changes if nothing new is said; masked users opted"
     " out."},
    {"Reason",
     "path:text depth:int text:text holds:bool why:text|null until:time|null",
     "A part of the expression; parents come before children."},
    {"Attribute",
     "name:text kind:=flag,one_of,many_of,number,event values:int"
     " unit:text|null grain:text|null cap:int|null amount:bool|null"
     " retention_days:int|null ttl:text|null declared:bool",
     "What is known by that name."},
    {"AttributePage",
     "data:[Attribute] has_more:bool next_cursor:text|null as_of:time"
     " epoch:int",
     "Attributes."},
    {"AttributeValues",
     "attribute:Attribute values:[Value] as_of:time epoch:int",
     "An attribute with its values."},
    {"Values",
     "values:[Value] has_more:bool as_of:time epoch:int",
     "Values of an attribute."},
    {"Value",
     "value:text users?:int",
     "A value and how many users have it."},
    {"CatalogChange",
     "dry_run:bool attributes_new:int attributes_changed:int providers_new:int"
     " providers_changed:int spaces_new:int spaces_changed:int"
     " mode_changed:bool mappings_changed:bool as_of:time epoch:int",
     "What a catalog file did, or would have done."},
    {"Provider",
     "name:text party:=first,second,third ttl:text|null declared?:bool"
     " changed?:bool dry_run?:bool",
     "Who says facts."},
    {"ProviderPage",
     "data:[Provider] has_more:bool next_cursor:text|null as_of:time epoch:int",
     "Providers."},
    {"ProviderReport",
     "universe:int truth_attribute:text|null truth_provider:text|null"
     " data:[ProviderNumbers] as_of:time epoch:int elapsed_us:int",
     "Providers beside each other."},
    {"ProviderNumbers",
     "name:text party:=first,second,third users:int share:number|null only:int"
     " facts:int ending:int events:int events_1d:int events_7d:int"
     " events_30d:int oldest:time|null newest:time|null compared:int agreed:int"
     " agreement:number|null attributes:[AttributeNumbers]"
     " values:[ValueNumbers]",
     "Users with a live fact of the provider, and of it alone; facts of"
     " profile attributes, and those that end within 30 days; days (or hours)"
     " with an event; users of whom it and the truth both speak, and say the"
     " same."},
    {"AttributeNumbers",
     "attribute:text kind:text users:int facts:int contradicted:int",
     "`contradicted`: users of whom another provider says another value of"
     " it, for one_of."},
    {"ValueNumbers",
     "value:text said:int truth:int both:int precision:number|null"
     " recall:number|null",
     "Of users of whom both the provider and the truth speak."},
    {"Taxonomy",
     "name:text|null segtax:int nodes:int mappings:int data?:[TaxonomyNode]"
     " as_of:time epoch:int",
     "A tree of nodes that others know by id; `segtax` is its number in"
     " OpenRTB."},
    {"TaxonomyNode",
     "id:text parent:text|null path:text note:text|null depth:int below:int"
     " mappings:int",
     "A node, with how many are below it and how much is mapped to them."},
    {"Mappings",
     "data:[Mapping] as_of:time epoch:int",
     "What is mapped to the taxonomy."},
    {"Mapping",
     "attribute:text value:text|null node:text path:text",
     "An attribute, or one value of it, and a node."},
    {"Wishes",
     "ids:int known:int unknown:int refused:int dry_run:bool errors:[Finding]"
     " as_of:time epoch:int",
     "What became of the ids."},
    {"Key",
     "id:text name:text|null role:text|null permissions:[text]"
     " partner:text|null provider:text|null created:time|null"
     " revoked:time|null secret?:text",
     "A key; `secret` only when it was just made."},
    {"KeyPage",
     "data:[Key] has_more:bool next_cursor:text|null as_of:time epoch:int",
     "Keys."},
    {"Partner",
     "key:text name:text|null segments:int keys:int created:time|null"
     " shared?:[text] as_of?:time epoch?:int",
     "Who sees what is shared with it."},
    {"PartnerPage",
     "data:[Partner] has_more:bool next_cursor:text|null as_of:time epoch:int",
     "Partners."},
    /* what is sent */
    {"Record",
     "ids:any ts?:any provider?:text ttl?:text set?:{any} add?:{any}"
     " remove?:{any} clear?:[text] events?:[Event] ip?:text ua?:text"
     " consent?:any ...",
     "What `muster load` takes; many of them as NDJSON, a list, CSV or"
     " msgpack."},
    {"Event",
     "name:text value?:text count?:int amount?:number ts?:any ...",
     "What happened."},
    {"Message",
     "anonymousId?:text userId?:text messageId?:text event?:text name?:text"
     " groupId?:text traits?:{any} properties?:{any} context?:{any}"
     " timestamp?:text type?:text ...",
     "As customer data platforms send it; `messageId` makes that it counts"
     " once."},
    {"Messages",
     "batch:[Message] sentAt?:text ...",
     "Messages, each with its `type`."},
    {"Id",
     "space:text id:text",
     "A raw id."},
    {"Ids",
     "ids:[Id]",
     "Up to 1,000."},
    {"Membership",
     "segment:text ids:[Id]",
     "A segment, and up to 1,000 ids."},
    {"BidRequest",
     "id?:text user?:{any} device?:{any} regs?:{any} tmax?:int ...",
     "Of OpenRTB 2.6."},
    {"NewSegment",
     "key:text expr?:text ast?:any name?:text priority?:int served?:bool",
     "`expr` or `ast` is needed."},
    {"SegmentText",
     "expr?:text ast?:any name?:text priority?:int served?:bool",
     "`expr` or `ast`; what PATCH does not name stays."},
    {"OfVersion",
     "version:int",
     "A version there was."},
    {"Expression",
     "expr?:text ast?:any",
     "One of the two."},
    {"CountOf",
     "expr?:text ast?:any segment?:text clauses?:bool error?:number seed?:int",
     "One of `expr`, `ast` and `segment`; `error`: about is enough, within"
     " that share."},
    {"OverlapOf",
     "sets:[any]",
     "Keys of segments, expressions, or objects with `expr`, `ast` or"
     " `segment`."},
    {"BreakdownOf",
     "expr?:text ast?:any segment?:text by:text limit?:int",
     "By the values of the attribute `by`."},
    {"ExplainOf",
     "space:text id:text expr?:text ast?:any segment?:text",
     "A user, and what he may be in."},
    {"UsersOf",
     "expr?:text ast?:any segment?:text limit?:int cursor?:text",
     "Whose users are wanted."},
    {"Catalog",
     "mode?:=lenient,strict providers?:{any} id_spaces?:{any}"
     " attributes?:{any}",
     "The catalog file."},
    {"ProviderText",
     "party:=first,second,third ttl?:text|null",
     "How far a provider is trusted, and how long what it says holds."},
    {"TaxonomyFile",
     "name:text segtax?:int file:text",
     "The name for people, the number in OpenRTB, and the tab-separated"
     " text."},
    {"MappingText",
     "attribute:text value?:text|null nodes:[text]",
     "Nodes by id or path; none end the mapping."},
    {"OptOut",
     "ids:[Id] undo?:bool",
     "Up to 1,000; `undo`: they want back in."},
    {"NewKey",
     "name?:text role?:text permissions?:[text] partner?:text provider?:text",
     "A role or permissions."},
    {"PartnerText",
     "name?:text",
     "For people."},
    {NULL, NULL, NULL}};

const openapi_body openapi_bodies[] = {
    {"livez", NULL, "Health"},
    {"readyz", NULL, "Readiness"},
    {"version", NULL, "Version"},
    {"openapi", NULL, "OpenApi"},
    {"ingest", "Record", "Receipt"},
    {"identify", "Message", "Taken"},
    {"track", "Message", "Taken"},
    {"page", "Message", "Taken"},
    {"group", "Message", "Taken"},
    {"batch", "Messages", "Taken"},
    {"lookup", NULL, "Segments"},
    {"lookup_batch", "Ids", "Lookups"},
    {"member", "Membership", "Members"},
    {"enrich", "BidRequest", "Enriched"},
    {"segments_list", NULL, "SavedPage"},
    {"segment_create", "NewSegment", "Change"},
    {"segment_show", NULL, "Saved"},
    {"segment_put", "SegmentText", "Change"},
    {"segment_patch", "SegmentText", "Change"},
    {"segment_remove", NULL, "Change"},
    {"versions_list", NULL, "SavedPage"},
    {"version_show", NULL, "Saved"},
    {"segment_revert", "OfVersion", "Change"},
    {"segment_usage", NULL, "Usage"},
    {"segment_members", NULL, "Users"},
    {"validate", "Expression", "Verdict"},
    {"count", "CountOf", "Count"},
    {"overlap", "OverlapOf", "Overlap"},
    {"breakdown", "BreakdownOf", "Breakdown"},
    {"explain", "ExplainOf", "Explanation"},
    {"ids", "UsersOf", "Users"},
    {"attributes_list", NULL, "AttributePage"},
    {"catalog_put", "Catalog", "CatalogChange"},
    {"attribute_show", NULL, "AttributeValues"},
    {"values_list", NULL, "Values"},
    {"providers_list", NULL, "ProviderPage"},
    {"provider_show", NULL, "Provider"},
    {"provider_put", "ProviderText", "Provider"},
    {"providers_report", NULL, "ProviderReport"},
    {"taxonomy_show", NULL, "Taxonomy"},
    {"taxonomy_put", "TaxonomyFile", "Taxonomy"},
    {"mappings_list", NULL, "Mappings"},
    {"mapping_put", "MappingText", NULL},
    {"optout", "OptOut", "Wishes"},
    {"id_forget", NULL, "Wishes"},
    {"keys_list", NULL, "KeyPage"},
    {"key_create", "NewKey", "Key"},
    {"partners_list", NULL, "PartnerPage"},
    {"partner_show", NULL, "Partner"},
    {"partner_put", "PartnerText", "Partner"},
    {NULL, NULL, NULL}};

const openapi_parameter openapi_parameters[] = {
    {"ack", "=durable,applied",
     "When to answer: when it is on disk, or when the next question sees it"
     " too."},
    {"budget_bytes", "int",
     "Leave out segments of low priority until the answer has no more bytes."},
    {"counts", "bool", "Also count the users of each."},
    {"cursor", "text", "`next_cursor` of the page before."},
    {"dry_run", "bool", "Check all, change nothing."},
    {"format", "=json,kv,ortb2,ndjson,csv",
     "Another form of the answer, where the route has it."},
    {"id", "text", "A raw id, or the id of a key."},
    {"id_space", "text",
     "Of the ids of an Audience Manager data file; else as its name says."},
    {"input_format", "=aam-sync,aam-overwrite,aam-ids,liveramp,cdp",
     "The form of others that the body has (dialects.md)."},
    {"input_name", "text",
     "What the file is called: names of Audience Manager's say what it is."},
    {"key", "text", "The key of a segment; of a key-value pair (`format=kv`)."},
    {"levels", "int", "How many levels below it."},
    {"limit", "int", "At most so many."},
    {"max_errors", "int", "Stop at more refused records than that."},
    {"name", "text", "Of an attribute or a provider."},
    {"node", "text", "A node of the taxonomy, by its id or its path."},
    {"only", "text",
     "Keys of segments, with commas between: leave out others."},
    {"partner", "text", "The key of a partner."},
    {"provider", "text",
     "Who says what a record does not name the provider of."},
    {"providers", "text", "Names of providers, with commas between."},
    {"q", "text", "A part of the value."},
    {"return", "=fragment,request",
     "What to merge into the bid request, or all of it."},
    {"space", "text", "The id space of a raw id."},
    {"timeout_ms", "int", "Answer 503 rather than later."},
    {"truth", "text", "Whose word on which attribute: ATTRIBUTE@PROVIDER."},
    {"verbose", "bool", "Also tell what each part says."},
    {"version", "int", "Of a segment, from 1."},
    {NULL, NULL, NULL}};

/* ---- finding ---- */

static bool heads_have(const char *heads, muster_text head)
{
    muster_text word;
    for (muster_text left = text_of(heads); openapi_next_word(&left, &word);)
        if (text_equal(word, head))
            return true;
    return false;
}

const openapi_subject *openapi_subject_of(const http_route *route)
{
    static const char versioned[] = "/v1/";
    if (strncmp(route->path, versioned, sizeof versioned - 1) != 0)
        return &openapi_subjects[0];
    const char *head = route->path + sizeof versioned - 1;
    const muster_text word = text_make(head, strcspn(head, "/:{"));
    for (const openapi_subject *s = openapi_subjects; s->name != NULL; s++)
        if (heads_have(s->heads, word))
            return s;
    return &openapi_subjects[0];
}

const openapi_shape *openapi_shape_find(muster_text name)
{
    for (const openapi_shape *s = openapi_shapes; s->name != NULL; s++)
        if (text_is(name, s->name))
            return s;
    return NULL;
}

static const openapi_body *body_of(const http_route *route)
{
    for (const openapi_body *b = openapi_bodies; b->route != NULL; b++)
        if (strcmp(b->route, route->name) == 0)
            return b;
    return NULL;
}

const openapi_shape *openapi_taken_by(const http_route *route)
{
    const openapi_body *b = body_of(route);
    return b != NULL ? openapi_shape_find(text_of(b->takes)) : NULL;
}

const openapi_shape *openapi_answered_by(const http_route *route)
{
    const openapi_body *b = body_of(route);
    return b != NULL ? openapi_shape_find(text_of(b->answers)) : NULL;
}

const openapi_parameter *openapi_parameter_find(muster_text name)
{
    for (const openapi_parameter *p = openapi_parameters; p->name != NULL; p++)
        if (text_is(name, p->name))
            return p;
    return NULL;
}

const char *openapi_permission(unsigned bit)
{
    static const char *const names[] = {"ingest", "lookup", "read",
                                        "write",  "export", "admin"};
    return bit < sizeof names / sizeof *names ? names[bit] : NULL;
}

const char *openapi_media(http_media media)
{
    static const char *const names[] = {
        [MEDIA_JSON] = "application/json",
        [MEDIA_NDJSON] = "application/x-ndjson",
        [MEDIA_MSGPACK] = "application/vnd.msgpack",
        [MEDIA_CSV] = "text/csv",
        [MEDIA_PROBLEM] = "application/problem+json",
        [MEDIA_METRICS] = "text/plain; version=0.0.4",
        [MEDIA_TEXT] = "text/plain",
    };
    ASSERT(media > MEDIA_NONE && media < MEDIA_OTHER);
    return names[media];
}

/* ---- taking rows apart ---- */

bool openapi_next_word(muster_text *left, muster_text *word)
{
    const muster_text rest = text_trim(*left);
    size_t n = 0;
    while (n < rest.len && rest.ptr[n] != ' ')
        n++;
    *word = text_make(rest.ptr, n);
    *left = text_make(rest.ptr + n, rest.len - n);
    return n > 0;
}

openapi_part openapi_parts_of(const http_route *route)
{
    const openapi_part p = {.path = route->path, .example = route->example};
    return p;
}

/* Passes over what stands before the next {part}, in both. */
static void pass_fixed(openapi_part *p)
{
    while (*p->path != '\0' && *p->path != '{') {
        p->example = *p->example == *p->path ? p->example + 1 : "";
        p->path++;
    }
}

bool openapi_next_part(openapi_part *p)
{
    pass_fixed(p);
    if (*p->path == '\0')
        return false;
    const char *end = strchr(p->path, '}');
    ASSERT(end != NULL);
    p->name = text_make(p->path + 1, (size_t)(end - p->path - 1));
    p->path = end + 1;
    const char ends[] = {'/', '?', *p->path, '\0'};
    p->value = text_make(p->example, strcspn(p->example, ends));
    p->example += p->value.len;
    return true;
}

muster_text openapi_query_example(const http_route *route, muster_text name)
{
    const char *at = strchr(route->example, '?');
    while (at != NULL) {
        const char *key = at + 1;
        const size_t key_len = strcspn(key, "=&");
        const char *value = key + key_len + (key[key_len] == '=');
        if (text_equal(text_make(key, key_len), name))
            return text_make(value, strcspn(value, "&"));
        at = strchr(key, '&');
    }
    return text_make("", 0);
}

/* Any route may answer these; the rest stands in its row. */
static bool any_may_answer(const http_route *route, int status)
{
    switch (status) {
    case 400:
    case 406:
    case 429:
    case 503:
        return true;
    case 401:
    case 403:
        return route->may != 0;
    case 413:
    case 415:
        return route->body_max > 0;
    default:
        return false;
    }
}

static bool row_lists(const http_route *route, int status)
{
    muster_text word;
    int64_t number;
    for (muster_text left = text_of(route->answers);
         openapi_next_word(&left, &word);)
        if (text_parse_int(word, &number) && number == status)
            return true;
    return false;
}

size_t openapi_statuses(const http_route *route, int out[OPENAPI_STATUSES_MAX])
{
    size_t n = 0;
    for (int status = 200; status < 600; status++) {
        if (!row_lists(route, status) && !any_may_answer(route, status))
            continue;
        ASSERT(n < OPENAPI_STATUSES_MAX);
        out[n++] = status;
    }
    return n;
}

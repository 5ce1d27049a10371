/*
 * generate_world.c - what exists: places, devices, interests, pages.
 *
 * Popularity follows Zipf's law throughout: few are large, many are small.
 * Names come from the tables below; `interests` are 40 themes in order of
 * popularity, each with nine parts ("travel", "travel-cruises"); pages are 40
 * named ones and 960 products ("product-0001").
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "generate_world.h"

#include <stdio.h>
#include <string.h>
#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "generate_places.h"

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define TEXTS_SIZE 65536u

const char *const world_provider_names[] = {"shop", "partner", "datahub"};
const char *const world_event_names[] = {
    "page.view", "cart.add", "purchase",   "app.open",   "search",
    "ad.view",   "ad.click", "video.play", "email.open",
};
const char *const world_gender_names[] = {"female", "male", "other"};
const char *const world_band_names[] = {"under-18", "18-24", "25-34",
                                        "35-44",    "45-64", "65-plus"};
const char *const world_income_names[] = {"under-20k", "20k-40k",  "40k-60k",
                                          "60k-80k",   "80k-120k", "over-120k"};

static const world_device devices[] = {
    {CLASS_MOBILE, true, 200, "mobile", "iOS", "Safari", "Apple"},
    {CLASS_MOBILE, false, 150, "mobile", "Android", "Chrome", "Samsung"},
    {CLASS_DESKTOP, false, 95, "desktop", "Windows", "Chrome", "HP"},
    {CLASS_DESKTOP, false, 90, "desktop", "Windows", "Chrome", "Dell"},
    {CLASS_MOBILE, false, 80, "mobile", "Android", "Chrome", "Xiaomi"},
    {CLASS_DESKTOP, false, 60, "desktop", "Windows", "Edge", "Lenovo"},
    {CLASS_DESKTOP, true, 60, "desktop", "macOS", "Safari", "Apple"},
    {CLASS_MOBILE, false, 50, "mobile", "Android", "Samsung Internet",
     "Samsung"},
    {CLASS_DESKTOP, false, 45, "desktop", "Windows", "Chrome", "Lenovo"},
    {CLASS_MOBILE, true, 45, "tablet", "iOS", "Safari", "Apple"},
    {CLASS_DESKTOP, true, 35, "desktop", "macOS", "Chrome", "Apple"},
    {CLASS_DESKTOP, false, 35, "desktop", "Windows", "Firefox", "Dell"},
    {CLASS_MOBILE, true, 30, "mobile", "iOS", "Chrome", "Apple"},
    {CLASS_MOBILE, false, 30, "mobile", "Android", "Chrome", "Google"},
    {CLASS_DESKTOP, false, 30, "desktop", "Windows", "Edge", "Asus"},
    {CLASS_MOBILE, false, 25, "mobile", "Android", "Chrome", "Motorola"},
    {CLASS_MOBILE, false, 25, "mobile", "Android", "Chrome", "Oppo"},
    {CLASS_MOBILE, false, 25, "tablet", "Android", "Chrome", "Samsung"},
    {CLASS_TV, false, 25, "tv", "Tizen", "Samsung Browser", "Samsung"},
    {CLASS_MOBILE, false, 20, "mobile", "Android", "Firefox", "Samsung"},
    {CLASS_TV, false, 20, "tv", "webOS", "LG Browser", "LG"},
    {CLASS_DESKTOP, false, 18, "desktop", "Windows", "Opera", "Acer"},
    {CLASS_DESKTOP, false, 15, "desktop", "Chrome OS", "Chrome", "Acer"},
    {CLASS_MOBILE, false, 15, "mobile", "Android", "Chrome", "OnePlus"},
    {CLASS_DESKTOP, false, 12, "desktop", "Linux", "Firefox", "Lenovo"},
    {CLASS_TV, false, 12, "tv", "Fire OS", "Silk", "Amazon"},
    {CLASS_TV, false, 12, "tv", "Android", "Chrome", "Sony"},
    {CLASS_MOBILE, false, 10, "tablet", "Fire OS", "Silk", "Amazon"},
    {CLASS_MOBILE, false, 8, "tablet", "Android", "Chrome", "Lenovo"},
};

/* A theme and nine parts of it. */
static const char *const theme_lines[] = {
    "sports football running cycling tennis basketball golf swimming boxing "
    "outdoor",
    "travel beach city-trips cruises camping flights hotels hiking "
    "backpacking family",
    "autos electric suv classic racing leasing rental trucks motorbikes parts",
    "music pop rock classical jazz hip-hop festivals vinyl instruments "
    "streaming",
    "food cooking baking vegan restaurants wine coffee barbecue delivery "
    "organic",
    "fashion women men shoes accessories vintage luxury sportswear kids "
    "sustainable",
    "movies action comedy drama documentary horror series animation cinema "
    "awards",
    "news politics economy local world science weather opinion podcasts "
    "magazines",
    "technology phones laptops wearables smart-home cameras audio startups "
    "ai security",
    "gaming console pc mobile esports strategy retro vr puzzles streaming",
    "finance investing savings credit insurance crypto tax retirement "
    "mortgages banking",
    "home furniture kitchen lighting decor diy cleaning storage bathroom "
    "moving",
    "health nutrition sleep fitness mindfulness yoga dental vision allergies "
    "first-aid",
    "beauty skincare makeup hair fragrance nails spa men natural anti-aging",
    "garden flowers vegetables lawn tools balcony trees ponds compost design",
    "pets dogs cats birds fish horses food training insurance adoption",
    "books fiction crime fantasy biography children comics audio poetry "
    "textbooks",
    "parenting baby toddlers school teens pregnancy toys daycare activities "
    "safety",
    "education languages university online exams scholarships math history "
    "music coding",
    "career jobs freelancing leadership remote training networking salary "
    "founding interviews",
    "photography portrait landscape street drones analog editing lenses "
    "wedding travel",
    "art painting sculpture museums design crafts galleries street digital "
    "ceramics",
    "science space physics biology chemistry climate medicine archaeology "
    "math robotics",
    "real-estate buying renting selling holiday commercial land agents "
    "renovation loans",
    "shopping deals coupons gifts online outlets second-hand reviews "
    "electronics groceries",
    "theatre musicals opera ballet comedy drama kids tickets festivals "
    "amateur",
    "nature wildlife forests oceans birds mountains parks conservation "
    "mushrooms weather",
    "business marketing sales logistics hr law consulting retail "
    "manufacturing events",
    "hobbies chess models collecting knitting sewing puzzles magic radio "
    "genealogy",
    "celebrities actors singers royals influencers athletes models chefs "
    "fashion awards",
    "society charity volunteering culture family dating weddings seniors "
    "neighbours debates",
    "energy solar heat-pumps wind tariffs saving batteries gas heating grid",
    "winter-sports skiing snowboard ice-hockey skating resorts gear "
    "cross-country biathlon sledding",
    "water-sports sailing surfing diving kayaking rowing fishing kiting "
    "wakeboard boats",
    "martial-arts judo karate boxing mma taekwondo aikido fencing kendo "
    "wrestling",
    "history ancient medieval modern military local castles genealogy maps "
    "antiques",
    "dance ballet salsa tango hip-hop ballroom swing folk jazz zumba",
    "aviation airlines spotting drones gliding helicopters museums "
    "simulators airports pilots",
    "railways models trains trams stations steam high-speed metro museums "
    "travel",
    "astronomy telescopes planets stars eclipses missions photography "
    "meteors galaxies clubs",
};

static const char *const page_names[] = {
    "home",     "search",     "pricing",   "login",      "cart",
    "checkout", "account",    "deals",     "new",        "help",
    "blog",     "about",      "contact",   "shipping",   "returns",
    "stores",   "gift-cards", "wishlist",  "orders",     "reviews",
    "women",    "men",        "kids",      "electronics", "furniture",
    "outdoor",  "books",      "beauty",    "groceries",  "toys",
    "garden",   "pets",       "careers",   "press",      "privacy",
    "terms",    "newsletter", "affiliate", "compare",    "sizes",
};

static const char *const category_names[] = {
    "clothing",  "shoes",   "electronics", "books",  "furniture", "beauty",
    "groceries", "toys",    "sports",      "garden", "kitchen",   "pets",
    "jewelry",   "baby",    "music",       "games",  "tools",     "office",
    "travel",    "tickets", "bags",        "health", "cameras",   "phones",
};

static const char *const opening_names[] = {"direct", "push", "link",
                                            "widget", "search"};

/* ---- texts ---- */

typedef struct text_pool {
    char *at;
    char *end;
} text_pool;

static const char *pool_put(text_pool *pool, const char *text, size_t len)
{
    ASSERT((size_t)(pool->end - pool->at) > len);
    char *put = pool->at;
    memcpy(put, text, len);
    put[len] = '\0';
    pool->at += len + 1;
    return put;
}

/* "product-" 7 -> "product-0007" */
static const char *pool_number(text_pool *pool, const char *stem,
                               uint32_t number, int digits)
{
    char text[64];
    const int len =
        snprintf(text, sizeof text, "%s%0*u", stem, digits, number);
    ASSERT(len > 0 && (size_t)len < sizeof text);
    return pool_put(pool, text, (size_t)len);
}

/* ---- places ---- */

static void add_city(world *w, text_pool *pool, const char *country,
                     const char *city, size_t len)
{
    const char *colon = memchr(city, ':', len);
    ASSERT(colon != NULL && w->place_count < WORLD_CITIES_MAX);
    const size_t city_len = (size_t)(colon - city);
    char region[16];
    const int region_len =
        snprintf(region, sizeof region, "%s-%.*s", country,
                 (int)(len - city_len - 1), colon + 1);
    ASSERT(region_len > 3 && (size_t)region_len < sizeof region);
    w->places[w->place_count++] = (world_place){
        country,
        pool_put(pool, region, (size_t)region_len),
        pool_put(pool, city, city_len),
    };
}

static void add_country(world *w, text_pool *pool, const char *line)
{
    const uint32_t c = w->country_count++;
    ASSERT(c < WORLD_COUNTRIES_MAX && line[2] == '|');
    const char *country = pool_put(pool, line, 2);
    w->country_first[c] = w->place_count;
    for (const char *at = line + 3; *at != '\0';) {
        const size_t len = strcspn(at, ",");
        add_city(w, pool, country, at, len);
        at += len + (at[len] == ',');
    }
    alias_init_zipf(&w->city[c], w->place_count - w->country_first[c], 1);
}

/* ---- interests ---- */

static void add_theme(world *w, text_pool *pool, uint32_t theme)
{
    const char *line = theme_lines[theme];
    const size_t stem = strcspn(line, " ");
    const uint32_t first = theme * (WORLD_INTERESTS / WORLD_THEMES);
    uint32_t i = 0;
    w->interests[first + i++] = pool_put(pool, line, stem);
    for (const char *at = line + stem; *at == ' ';) {
        char name[64];
        const size_t part = strcspn(++at, " ");
        const int len = snprintf(name, sizeof name, "%.*s-%.*s", (int)stem,
                                 line, (int)part, at);
        ASSERT(len > 0 && (size_t)len < sizeof name);
        ASSERT(i < WORLD_INTERESTS / WORLD_THEMES);
        w->interests[first + i++] = pool_put(pool, name, (size_t)len);
        at += part;
    }
    ASSERT(i == WORLD_INTERESTS / WORLD_THEMES);
}

/* Each group of people has the themes in an order of its own. */
static void init_tastes(world *w)
{
    random_state random;
    random_seed(&random, 400);
    for (uint32_t g = 0; g < WORLD_GROUPS; g++) {
        uint8_t *taste = w->taste[g];
        for (uint32_t t = 0; t < WORLD_THEMES; t++)
            taste[t] = (uint8_t)t;
        for (uint32_t t = WORLD_THEMES - 1; t > 0; t--) {
            const uint32_t other = (uint32_t)random_below(&random, t + 1);
            const uint8_t moved = taste[t];
            taste[t] = taste[other];
            taste[other] = moved;
        }
    }
}

/* ---- events ---- */

static void init_values(world *w, text_pool *pool)
{
    world_values *pages = &w->values[EVENT_PAGE_VIEW];
    world_values *products = &w->values[EVENT_CART_ADD];
    for (uint32_t i = 0; i < WORLD_PAGES_NAMED; i++)
        pages->texts[pages->count++] = page_names[i];
    for (uint32_t i = 1; i <= WORLD_PRODUCTS; i++) {
        const char *name = pool_number(pool, "product-", i, 4);
        pages->texts[pages->count++] = name;
        products->texts[products->count++] = name;
    }
    world_values *bought = &w->values[EVENT_PURCHASE];
    for (uint32_t i = 0; i < COUNT_OF(category_names); i++)
        bought->texts[bought->count++] = category_names[i];
    world_values *opened = &w->values[EVENT_APP_OPEN];
    for (uint32_t i = 0; i < COUNT_OF(opening_names); i++)
        opened->texts[opened->count++] = opening_names[i];
    world_values *searches = &w->values[EVENT_SEARCH];
    for (uint32_t i = 0; i < WORLD_INTERESTS; i += 2)
        searches->texts[searches->count++] = w->interests[i];
    for (uint32_t i = 1; i <= 50; i++) {
        const char *name = pool_number(pool, "campaign-", i, 2);
        world_values *seen = &w->values[EVENT_AD_VIEW];
        world_values *clicked = &w->values[EVENT_AD_CLICK];
        seen->texts[seen->count++] = name;
        clicked->texts[clicked->count++] = name;
    }
    for (uint32_t i = 1; i <= 120; i++) {
        world_values *played = &w->values[EVENT_VIDEO_PLAY];
        played->texts[played->count++] = pool_number(pool, "video-", i, 3);
    }
    for (uint32_t i = 1; i <= 12; i++) {
        world_values *mails = &w->values[EVENT_EMAIL_OPEN];
        mails->texts[mails->count++] = pool_number(pool, "mail-", i, 2);
    }
    for (uint32_t e = 0; e < WORLD_EVENTS; e++)
        alias_init_zipf(&w->values[e].likely, w->values[e].count, 2);
}

static void init_second_events(world *w)
{
    static const uint32_t weights[3][WORLD_EVENTS] = {
        /* view cart buy app search seen clicked video mail */
        {0, 14, 5, 0, 26, 30, 4, 9, 12},
        {0, 9, 4, 35, 15, 22, 5, 8, 2},
        {0, 0, 0, 0, 4, 36, 0, 60, 0},
    };
    for (uint32_t c = 0; c < 3; c++)
        alias_init(&w->second[c], weights[c], WORLD_EVENTS);
}

/* ---- people ---- */

static void init_people(world *w)
{
    static const uint32_t incomes[WORLD_INCOMES] = {15, 26, 25, 17, 11, 6};
    /* 3..16 interests, 8 on average */
    static const uint32_t interests[17] = {0,  0,  0,  2, 7, 12, 16, 17, 15,
                                           12, 10, 8,  6, 4, 3,  2,  1};
    static const uint32_t views[8] = {800, 100, 45, 25, 14, 8, 5, 3};
    uint32_t ages[WORLD_AGES];
    for (uint32_t i = 0; i < WORLD_AGES; i++) /* most at 30, few at 90 */
        ages[i] = i < 14 ? 40 + i * 5 : 110 - (i - 14) * 105 / 60;
    uint32_t records[64]; /* geometric, 5 on average */
    uint32_t weight = ALIAS_WEIGHT_MAX;
    for (uint32_t i = 0; i < COUNT_OF(records); i++) {
        records[i] = weight;
        weight = weight / 6 * 5 + weight % 6 * 5 / 6;
    }
    alias_init(&w->age, ages, WORLD_AGES);
    alias_init(&w->income, incomes, WORLD_INCOMES);
    alias_init(&w->interest_count, interests, COUNT_OF(interests));
    alias_init(&w->views, views, COUNT_OF(views));
    alias_init(&w->records, records, COUNT_OF(records));
    alias_init_zipf(&w->visits, 200, 3);
}

uint32_t world_band_of(uint32_t age)
{
    static const uint32_t from[WORLD_BANDS] = {0, 18, 25, 35, 45, 65};
    uint32_t band = WORLD_BANDS - 1;
    while (age < from[band])
        band--;
    return band;
}

void world_init(world *w)
{
    ASSERT(COUNT_OF(theme_lines) == WORLD_THEMES);
    ASSERT(COUNT_OF(page_names) == WORLD_PAGES_NAMED);
    ASSERT(COUNT_OF(devices) <= WORLD_DEVICES_MAX);
    memset(w, 0, sizeof *w);
    w->texts = mem_alloc(TEXTS_SIZE);
    text_pool pool = {w->texts, w->texts + TEXTS_SIZE};
    for (uint32_t i = 0; i < COUNT_OF(place_lines); i++)
        add_country(w, &pool, place_lines[i]);
    alias_init_zipf(&w->country, w->country_count, 2);

    uint32_t weights[WORLD_DEVICES_MAX];
    for (uint32_t i = 0; i < COUNT_OF(devices); i++)
        weights[i] = devices[i].weight;
    w->devices = devices;
    w->device_count = COUNT_OF(devices);
    alias_init(&w->device, weights, w->device_count);

    for (uint32_t t = 0; t < WORLD_THEMES; t++)
        add_theme(w, &pool, t);
    alias_init_zipf(&w->theme, WORLD_THEMES, 4);
    init_tastes(w);
    init_values(w, &pool);
    init_second_events(w);
    init_people(w);
}

void world_release(world *w)
{
    for (uint32_t c = 0; c < w->country_count; c++)
        alias_release(&w->city[c]);
    for (uint32_t e = 0; e < WORLD_EVENTS; e++)
        alias_release(&w->values[e].likely);
    for (uint32_t c = 0; c < 3; c++)
        alias_release(&w->second[c]);
    alias_table *tables[] = {&w->country, &w->device,  &w->age,
                             &w->income,  &w->visits,  &w->interest_count,
                             &w->records, &w->theme,   &w->views};
    for (uint32_t i = 0; i < COUNT_OF(tables); i++)
        alias_release(tables[i]);
    mem_free(w->texts);
    memset(w, 0, sizeof *w);
}

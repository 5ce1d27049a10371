/*
 * generate_world.h - private to the generator: what exists and how likely it
 * is. Texts are borrowed from the world or are literals.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GENERATE_WORLD_H
#define GENERATE_WORLD_H

#include <stdbool.h>
#include "generate_alias.h"

enum {
    WORLD_COUNTRIES_MAX = 80,
    WORLD_CITIES_MAX = 400,
    WORLD_DEVICES_MAX = 64,
    WORLD_THEMES = 40,
    WORLD_INTERESTS = 400, /* each theme and nine parts of it */
    WORLD_PAGES = 1000,
    WORLD_PAGES_NAMED = 40, /* the others are products */
    WORLD_PRODUCTS = WORLD_PAGES - WORLD_PAGES_NAMED,
    WORLD_AGE_MIN = 16,
    WORLD_AGES = 75,
    WORLD_BANDS = 6,
    WORLD_INCOMES = 6,
    WORLD_GENDERS = 3,
    WORLD_VALUES_MAX = WORLD_PAGES, /* of one event */
    WORLD_GROUPS = 8 /* people with tastes of their own */
};

typedef enum world_provider {
    PROVIDER_SHOP,    /* first party */
    PROVIDER_PARTNER, /* second */
    PROVIDER_DATAHUB, /* third; partly wrong */
    WORLD_PROVIDERS
} world_provider;

typedef enum world_event {
    EVENT_PAGE_VIEW,
    EVENT_CART_ADD,
    EVENT_PURCHASE,
    EVENT_APP_OPEN,
    EVENT_SEARCH,
    EVENT_AD_VIEW,
    EVENT_AD_CLICK,
    EVENT_VIDEO_PLAY,
    EVENT_EMAIL_OPEN,
    WORLD_EVENTS
} world_event;

typedef struct world_place {
    const char *country; /* ISO 3166-1 alpha-2 */
    const char *region;  /* ISO 3166-2 */
    const char *city;
} world_place;

typedef enum world_class { CLASS_DESKTOP, CLASS_MOBILE, CLASS_TV } world_class;

typedef struct world_device {
    world_class class;
    bool apple; /* advertising id: IDFA, else GAID */
    uint32_t weight;
    const char *type;
    const char *os;
    const char *browser;
    const char *vendor;
} world_device;

typedef struct world_values {
    uint32_t count;
    const char *texts[WORLD_VALUES_MAX];
    alias_table likely;
} world_values;

typedef struct world {
    uint32_t country_count;
    uint32_t country_first[WORLD_COUNTRIES_MAX]; /* its first city */
    alias_table country;
    alias_table city[WORLD_COUNTRIES_MAX]; /* from country_first on */
    uint32_t place_count;
    world_place places[WORLD_CITIES_MAX];

    uint32_t device_count;
    const world_device *devices;
    alias_table device;

    alias_table age; /* + WORLD_AGE_MIN */
    alias_table income;
    alias_table visits;
    alias_table interest_count;
    alias_table records; /* event records of one user */

    const char *interests[WORLD_INTERESTS]; /* theme t: t * 10 */
    alias_table theme;
    uint8_t taste[WORLD_GROUPS][WORLD_THEMES]; /* themes by liking */

    world_values values[WORLD_EVENTS];
    alias_table second[3]; /* the other event of a record, by class */
    alias_table views;     /* count of a page.view - 1 */

    char *texts; /* what names above point into */
} world;

extern const char *const world_provider_names[WORLD_PROVIDERS];
extern const char *const world_event_names[WORLD_EVENTS];
extern const char *const world_gender_names[WORLD_GENDERS];
extern const char *const world_band_names[WORLD_BANDS];
extern const char *const world_income_names[WORLD_INCOMES];

uint32_t world_band_of(uint32_t age);

void world_init(world *w);
void world_release(world *w);

#endif

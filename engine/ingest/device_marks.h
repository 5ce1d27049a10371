/*
 * device_marks.h - private to room `ingest`: words in a user agent that tell
 * what kind of device it is, which uap-core does not say. They are found in the
 * same pass as the texts of the rules (device_filter.c), in any case of
 * letters; device_type.c says what follows from them.
 *
 * To add a word, add a row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_DEVICE_MARKS_H
#define INGEST_DEVICE_MARKS_H

#include <stdint.h>

typedef enum device_mark {
    MARK_TV,
    MARK_CONSOLE,
    MARK_WORN,    /* on the head or the wrist */
    MARK_TABLET,
    MARK_HANDY,   /* a browser that says it is on a phone */
    MARK_WINDOWS, /* on a computer, whose "Tablet PC" is a feature */
    MARK_MAC,
    MARK_BROWSER  /* not a library within an application */
} device_mark;

static const struct {
    const char *word;
    uint32_t mark;
} device_mark_words[] = {
    {"smart-tv", MARK_TV},       {"smarttv", MARK_TV},
    {"smart tv", MARK_TV},       {"hbbtv", MARK_TV},
    {"googletv", MARK_TV},       {"google tv", MARK_TV},
    {"android tv", MARK_TV},     {"androidtv", MARK_TV},
    {"appletv", MARK_TV},        {"apple tv", MARK_TV},
    {"tvos", MARK_TV},           {"roku/", MARK_TV},
    {"crkey", MARK_TV},          {"; aft", MARK_TV},
    {"fire tv", MARK_TV},        {"netcast", MARK_TV},
    {"web0s", MARK_TV},          {"webos.tv", MARK_TV},
    {"inettvbrowser", MARK_TV},  {"nettv/", MARK_TV},
    {"opera tv", MARK_TV},       {"ce-html", MARK_TV},
    {"bravia", MARK_TV},         {"viera", MARK_TV},
    {"mibox", MARK_TV},          {"sonydtv", MARK_TV},
    {"philipstv", MARK_TV},      {"dlnadoc", MARK_TV},
    {"playstation", MARK_CONSOLE}, {"xbox", MARK_CONSOLE},
    {"nintendo", MARK_CONSOLE},
    {"oculusbrowser", MARK_WORN}, {"watchos", MARK_WORN},
    {"ipad", MARK_TABLET},       {"tablet", MARK_TABLET},
    {"playbook", MARK_TABLET},   {"touchpad", MARK_TABLET},
    {"kindle fire", MARK_TABLET},
    {"mobile", MARK_HANDY},      {"phone", MARK_HANDY},
    {"ipod", MARK_HANDY},        {"opera mini", MARK_HANDY},
    {"opera mobi", MARK_HANDY},  {"midp", MARK_HANDY},
    {"up.browser", MARK_HANDY},  {"obigo", MARK_HANDY},
    {"netfront", MARK_HANDY},    {"docomo", MARK_HANDY},
    {"softbank", MARK_HANDY},    {"symbian", MARK_HANDY},
    {"blackberry", MARK_HANDY},
    {"windows nt", MARK_WINDOWS}, {"macintosh", MARK_MAC},
    {"mozilla/", MARK_BROWSER},
};
#define DEVICE_MARKS (sizeof device_mark_words / sizeof device_mark_words[0])

#endif

/*
 * serve_options.h - the options of `muster serve`, one row each. A row makes
 * the flag, the variable of the environment, the key of the configuration file
 * and the member of serve_config; help and manual follow, and the member goes
 * to that of the same name in muster_server_options.
 *
 *     --log-level LEVEL   MUSTER_LOG_LEVEL   {"log_level":"warn"}
 *
 *   TEXT(member, "flag", "VALUE", "default" or NULL, "help")
 *   LIST(member, "flag", "VALUE", "default" or NULL, "help")  texts with commas
 *                                             between; flags are added up
 *   WORD(member, "flag", "VALUE", "words", "default", "help")  one of them
 *   COUNT(member, "flag", low, high, "default", "help")        a whole number
 *   BYTES(member, "flag", share, "help")       64M, 2G; not told: that share of
 *                                             the machine's memory (8: an
 *                                             eighth). The engine's, not the
 *                                             server's: cmd_serve.c
 *   YES(member, "flag", "help")                                not told: false
 *
 * Times are milliseconds. Defaults are texts, become part of
 * the help (of a TEXT by hand), and must equal MUSTER_SERVER_OPTIONS_INIT.
 *
 * To add an option: a member of muster_server_options, and a row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOLS_SERVE_OPTIONS_H
#define TOOLS_SERVE_OPTIONS_H

#define HOUR 3600000

/* Bounds: of threads, what any machine has; of what may be there at a time,
 * what tables are made for; of times, an hour. */
#define SERVE_OPTIONS(TEXT, LIST, WORD, COUNT, BYTES, YES)                    \
    TEXT(listen, "listen", "ADDR:PORT", "127.0.0.1:8080",                     \
         "where to answer (127.0.0.1:8080); port 0: any")                     \
    TEXT(admin_listen, "admin-listen", "ADDR:PORT", NULL,                     \
         "another place, for administration alone")                           \
    TEXT(tls_cert, "tls-cert", "FILE", NULL, "certificate and its chain, PEM")\
    TEXT(tls_key, "tls-key", "FILE", NULL, "its key, PEM")                    \
    YES(insecure_no_auth, "insecure-no-auth",                                 \
        "no keys: all may everything; on loopback only")                      \
    COUNT(key_rate, "key-rate", 0, 1000000, "0",                              \
          "requests a second of one key; 0: no limit")                        \
    COUNT(key_burst, "key-burst", 0, 1000000, "0",                            \
          "that may come at once; 0: those of a second")                      \
    BYTES(forward_bytes, "forward", 8,                                        \
          "of the index of lookups; 0: none (an eighth)")                   \
    COUNT(loops, "loops", 0, 256, "0",                                        \
          "threads for sockets; 0: half of the processors")                   \
    COUNT(workers, "workers", 0, 256, "0",                                    \
          "threads for long work; 0: the processors")                         \
    COUNT(queue, "queue", 1, 65536, "256",                                    \
          "requests that may wait for a worker")                              \
    COUNT(queue_ms, "queue-ms", 1, HOUR, "100",                               \
          "and how long before more are refused")                             \
    COUNT(streams, "streams", 1, 65536, "64",                                 \
          "long bodies that are read at a time")                              \
    COUNT(connections, "connections", 1, 1000000, "16384", "of all clients")  \
    COUNT(address_connections, "address-connections", 0, 1000000, "0",        \
          "of one address; 0: half of all")                                   \
    COUNT(header_ms, "header-ms", 1, HOUR, "5000", "for a request's header")  \
    COUNT(body_ms, "body-ms", 1, HOUR, "9000", "for its body")               \
    COUNT(answer_ms, "answer-ms", 1, HOUR, "9000", "for taking the answer")  \
    COUNT(idle_ms, "idle-ms", 1, HOUR, "60000", "between two requests")       \
    COUNT(eval_ms, "eval-ms", 1, HOUR, "10000", "for the work on one request")\
    COUNT(drain_ms, "drain-ms", 0, HOUR, "10000",                             \
          "for requests under way at the end")                                \
    LIST(geo, "geo", "FILE", NULL,                                            \
         "database of addresses (MMDB), for records that bring one")          \
    TEXT(ua_regexes, "ua-regexes", "FILE", NULL,                              \
         "regexes of uap-core for user agents (its package's)")          \
    YES(keep_bots, "keep-bots", "do not refuse records of bots")              \
    YES(assume_consent, "assume-consent",                                     \
        "enrich bid requests whose consent is not decoded")                   \
    TEXT(enrich_name, "enrich-name", "NAME", "muster",                        \
         "user.data[].name of bid requests (muster)")                         \
    COUNT(enrich_segtax, "enrich-segtax", 0, 1000000, "0",                    \
          "user.data[].ext.segtax; 0: none")                                  \
    LIST(enrich_ids, "enrich-ids", "LIST", NULL,                              \
         "which of their ids are of which space")                             \
    WORD(log_format, "log-format", "FORMAT", "logfmt json", "logfmt",         \
         "of the log on stderr")                                              \
    WORD(log_level, "log-level", "LEVEL", "debug info warn error off", "info",\
         "what is logged")

/* Flags of every verb that the file may hold too. Their flags and variables
 * are read by options.c and session.c, but for MUSTER_KEY_FILE. */
#define SERVE_GLOBALS(X) X(data) X(key_file) X(memory) X(log) X(resident)

#endif

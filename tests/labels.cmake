# Labels and time limits of tests that need them; the default is the name of
# the room as label and two minutes.
#
#   muster_label(<room>/<name> [SECONDS n] [label ...])
#
#   threads   uses several threads: also runs under the thread sanitizer
#   long      heavy: left out under the memory sanitizers

muster_label(base/thread threads)

muster_label(audience/snapshot threads)
muster_label(catalog/snapshot threads)
muster_label(index/index threads)
muster_label(engine/open threads)
muster_label(engine/backup threads)
muster_label(engine/state_hash threads)
muster_label(engine/feed threads)
muster_label(engine/twice threads)
muster_label(ingest/pipeline threads)
muster_label(ingest/format_model threads)
muster_label(ingest/input threads)
muster_label(ingest/csv threads)
muster_label(ingest/resume threads)
muster_label(ingest/body threads)
muster_label(cli/load threads)
muster_label(cli/resume SECONDS 300)
muster_label(cli/snapshot SECONDS 300)
muster_label(cli/progress threads)
muster_label(identity/dictionary_threads threads)
muster_label(storage/checkpoint threads)
muster_label(storage/generation threads)
muster_label(cli/bad_input SECONDS 300)
muster_label(flow/census SECONDS 300 long)
muster_label(flow/demo SECONDS 300 long)
muster_label(flow/msnbc SECONDS 300 long)
muster_label(segment/eval_model SECONDS 600)
muster_label(crash/power SECONDS 300 threads)
muster_label(crash/fault SECONDS 600)
muster_label(crash/compound SECONDS 300)
muster_label(engine/concurrent SECONDS 120 threads)
muster_label(crash/kill SECONDS 900 threads)
muster_label(crash/rot SECONDS 900)
muster_label(crash/history SECONDS 300 threads)
muster_label(crash/soak threads)

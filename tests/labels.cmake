# Labels and time limits of tests that need them; the default is the name of
# the room as label and two minutes.
#
#   muster_label(<room>/<name> [SECONDS n] [label ...])
#
#   threads   uses several threads: also runs under the thread sanitizer
#   long      heavy: left out under the memory sanitizers

muster_label(base/thread threads)

muster_label(cli/load threads)
muster_label(cli/progress threads)
muster_label(cli/bad_input SECONDS 300)
muster_label(flow/census SECONDS 300 long)
muster_label(flow/demo SECONDS 300 long)
muster_label(flow/msnbc SECONDS 300 long)
muster_label(segment/eval_model SECONDS 600)
muster_label(engine/concurrent SECONDS 120 threads)

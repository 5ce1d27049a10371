# Labels and time limits of tests that need them; the default is the name of
# the room as label and two minutes.
#
#   muster_label(<room>/<name> [SECONDS n] [label ...])
#
#   threads   uses several threads: also runs under the thread sanitizer
#   long      heavy: left out under the memory sanitizers

muster_label(base/thread threads)

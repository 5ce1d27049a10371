# msnbc.awk: the page visits of msnbc990928.seq (UCI Machine Learning
# Repository, "MSNBC.com Anonymous Web Data") as records of Muster.
#
# The data are lines of comment (%), a line with the names of the 17 categories,
# then a line a user: the numbers 1..17 of the categories in the order visited.
# A user becomes one record, with an event for each category visited: its name
# and how often.

{ sub(/\r$/, "") }

/^%/ || NF == 0 { next }

!named {
    for (i = 1; i <= NF; i++) name[i] = $i
    named = NF
    next
}

{
    user++
    kinds = 0
    for (i = 1; i <= NF; i++)
        if (visits[$i]++ == 0) seen[++kinds] = $i
    printf "{\"ids\":{\"cookie\":\"u%d\"},\"ts\":\"1999-09-28T12:00:00Z\"," \
           "\"events\":[", user
    for (i = 1; i <= kinds; i++) {
        printf "%s{\"name\":\"page.view\",\"value\":\"%s\",\"count\":%d}",
               (i > 1 ? "," : ""), name[seen[i]], visits[seen[i]]
        delete visits[seen[i]]
    }
    print "]}"
}

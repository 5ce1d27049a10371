# census.awk: tables of row numbers as records of Muster. A line of the input is
# the name of a value and the numbers of the rows that have it, with commas
# between; a row becomes one user with all its values.

BEGIN { FS = "," }

{
    for (i = 2; i <= NF; i++)
        values[$i] = values[$i] ",\"" $1 "\""
}

END {
    for (row in values)
        printf "{\"ids\":{\"cookie\":\"r%s\"},\"add\":{\"census\":[%s]}}\n",
               row, substr(values[row], 2)
}

# Warnings of the engine and the program (muster-warnings), and the milder set
# of tests and benches (muster-test-warnings), whose numbers are small and
# written by hand. What only gcc knows is left out for clang.

add_library(muster-warnings INTERFACE)
add_library(muster-test-warnings INTERFACE)

set(common
    -Wall
    -Wextra
    -Wshadow
    -Wformat=2
    -Wimplicit-fallthrough
    -Wpointer-arith
    -Wstrict-prototypes
    -Wundef
    -Wvla)
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
    list(APPEND common
        -Wbidi-chars=any
        -Wduplicated-cond
        -Wtrampolines)
endif()
if(MUSTER_WERROR)
    list(APPEND common -Werror)
endif()

target_compile_options(muster-test-warnings INTERFACE ${common})
target_compile_options(muster-warnings INTERFACE
    ${common}
    -Wconversion
    -Wmissing-prototypes)

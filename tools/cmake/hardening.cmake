# What the OpenSSF compiler hardening guide recommends and gcc 12 takes.
#
# Left out, and why:
#   -ftrivial-auto-var-init=zero  evaluation keeps 8 KiB block registers on the
#       stack and fills them at once; zeroing them first is a second write of
#       every register in the hottest loops. Tests beside the slow twin are
#       what finds a register that was read before it was written.
#   -fexceptions                  no thread is ever cancelled.
#   -z nodlopen                   on the program only: a language binding may
#       load libmuster.so at run time.
#   -fstrict-flex-arrays=3        gcc 13 and newer; taken when there.
#
# A sanitizer build brings its own checks and takes none of these.

add_library(muster-hardening INTERFACE)
add_library(muster-hardening-program INTERFACE)
target_link_libraries(muster-hardening-program INTERFACE muster-hardening)

target_link_options(muster-hardening INTERFACE
    -Wl,--as-needed
    -Wl,--no-copy-dt-needed-entries)

if(CMAKE_BUILD_TYPE STREQUAL Release)
    target_compile_options(muster-hardening INTERFACE
        -U_FORTIFY_SOURCE
        -D_FORTIFY_SOURCE=3
        -fstack-protector-strong
        -fstack-clash-protection
        -fno-delete-null-pointer-checks
        -fno-strict-overflow
        -fno-strict-aliasing
        -Werror=format-security)
    target_link_options(muster-hardening INTERFACE
        -Wl,-z,relro
        -Wl,-z,now
        -Wl,-z,noexecstack)
    target_link_options(muster-hardening-program INTERFACE
        -pie
        -Wl,-z,nodlopen)
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
        target_compile_options(muster-hardening INTERFACE -fcf-protection=full)
    elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64)
        target_compile_options(muster-hardening INTERFACE
            -mbranch-protection=standard)
    endif()
    if(CMAKE_C_COMPILER_ID STREQUAL GNU
       AND CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
        target_compile_options(muster-hardening INTERFACE
            -fstrict-flex-arrays=3)
    endif()
endif()

# Sanitizers, coverage and libFuzzer instrumentation, for everything that is
# compiled here; and what the tests of such a tree need around them:
#
#   MUSTER_TEST_ENVIRONMENT   variables of the sanitizer's run time
#   MUSTER_TEST_PREFIX        a command each test runs under
#   MUSTER_TIMEOUT_FACTOR     how much longer a test may take

set(MUSTER_TEST_ENVIRONMENT "")
set(MUSTER_TEST_PREFIX "")
set(MUSTER_TIMEOUT_FACTOR 1)

if(MUSTER_SANITIZE)
    set(MUSTER_TIMEOUT_FACTOR 5)
    set(flags -fsanitize=${MUSTER_SANITIZE} -fno-sanitize-recover=all)
    add_compile_options(${flags})
    add_link_options(${flags})
    set(MUSTER_TEST_ENVIRONMENT
        "ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1"
        "UBSAN_OPTIONS=print_stacktrace=1"
        "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1")
endif()

if(MUSTER_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(MUSTER_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
    set(MUSTER_TIMEOUT_FACTOR 3)
endif()

# Kernels that scatter addresses widely do not leave gcc 12's thread sanitizer
# its fixed places, and its programs stop at start. They run without scatter.
if(MUSTER_SANITIZE STREQUAL thread)
    set(probe ${CMAKE_BINARY_DIR}/tsan-probe)
    file(WRITE ${probe}.c "int main(void) { return 0; }\n")
    execute_process(
        COMMAND ${CMAKE_C_COMPILER} -fsanitize=thread -o ${probe} ${probe}.c)
    set(good 0)
    foreach(attempt RANGE 1 8)
        execute_process(COMMAND ${probe} RESULT_VARIABLE result
                        OUTPUT_QUIET ERROR_QUIET)
        if(result EQUAL 0)
            math(EXPR good "${good} + 1")
        endif()
    endforeach()
    if(NOT good EQUAL 8)
        find_program(SETARCH setarch REQUIRED)
        set(MUSTER_TEST_PREFIX ${SETARCH} --addr-no-randomize)
    endif()
endif()

# Finding sources by their place, and adding programs that use the library.

# muster_find_sources(OUT DIRECTORY): the .c files of the directory and of its
# rooms; of the rooms in MUSTER_ROOMS alone when that is set. Never empty, so
# that a tree whose rooms have no code yet still configures.
function(muster_find_sources out directory)
    if(MUSTER_ROOMS)
        set(places ${MUSTER_ROOMS})
        list(TRANSFORM places REPLACE "(.+)" "${directory}/\\1/*.c")
    else()
        set(places ${directory}/*.c ${directory}/*/*.c)
    endif()
    file(GLOB found CONFIGURE_DEPENDS ${places})
    if(NOT found)
        set(found ${CMAKE_BINARY_DIR}/nothing.c)
        file(CONFIGURE OUTPUT ${found}
             CONTENT "typedef int muster_nothing;\n")
    endif()
    set(${out} ${found} PARENT_SCOPE)
endfunction()

# muster_add_program(TARGET SOURCE...): an executable with the hardening and
# the way to build/deps that every executable here has.
function(muster_add_program target)
    add_executable(${target} ${ARGN})
    target_link_libraries(${target} PRIVATE muster-hardening-program)
    muster_find_private_libraries(${target})
endfunction()

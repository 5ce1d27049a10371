# The libraries the engine stands on, as one target: muster-dependencies; and
# what only the program needs: muster-line-editor for its shell,
# muster-http-client to ask a server. Which room may call which library is
# checked by tests/tidy/rooms.test.
#
# CRoaring, yyjson and libmicrohttpd are looked for in build/deps first, where
# tools/setup puts newer versions than Debian 12 has, then in the system.
# libmicrohttpd is a static library there, so that libmuster.so carries it.

include(GNUInstallDirs)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(muster-dependencies INTERFACE)
add_library(muster-line-editor INTERFACE)
add_library(muster-http-client INTERFACE)

# muster_need(TARGET NAME...): the first of these pkg-config modules.
function(muster_need target name)
    pkg_search_module(${name} QUIET IMPORTED_TARGET ${name} ${ARGN})
    if(NOT ${name}_FOUND)
        message(FATAL_ERROR "${name} is missing: run tools/setup first")
    endif()
    target_link_libraries(${target} INTERFACE PkgConfig::${name})
endfunction()

# muster_need_newer(NAME HEADER): from build/deps, else from the system.
function(muster_need_newer name header)
    if(NOT EXISTS "${${name}_LIBRARY}")
        unset(${name}_LIBRARY CACHE)
        unset(${name}_INCLUDE CACHE)
    endif()
    find_path(${name}_INCLUDE ${header}
        PATHS ${MUSTER_DEPS}/usr/include NO_DEFAULT_PATH)
    find_library(${name}_LIBRARY ${name}
        PATHS ${MUSTER_DEPS}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}
        NO_DEFAULT_PATH)
    find_path(${name}_INCLUDE ${header})
    find_library(${name}_LIBRARY ${name})
    mark_as_advanced(${name}_INCLUDE ${name}_LIBRARY)
    if(NOT ${name}_INCLUDE OR NOT ${name}_LIBRARY)
        message(FATAL_ERROR "${name} is missing: run tools/setup first")
    endif()
    target_include_directories(muster-dependencies SYSTEM
        INTERFACE ${${name}_INCLUDE})
    target_link_libraries(muster-dependencies INTERFACE ${${name}_LIBRARY})
endfunction()

# muster_find_private_libraries(TARGET): the target finds build/deps at run
# time by its place relative to itself, so the tree may be moved.
function(muster_find_private_libraries target)
    get_target_property(type ${target} TYPE)
    if(type STREQUAL EXECUTABLE)
        get_target_property(place ${target} RUNTIME_OUTPUT_DIRECTORY)
    else()
        get_target_property(place ${target} LIBRARY_OUTPUT_DIRECTORY)
    endif()
    file(RELATIVE_PATH way ${place}
         ${MUSTER_DEPS}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE})
    set_target_properties(${target} PROPERTIES
        BUILD_WITH_INSTALL_RPATH ON
        INSTALL_RPATH "$ORIGIN/${way}")
endfunction()

muster_need(muster-dependencies sqlite3)
muster_need(muster-dependencies libsodium)
muster_need(muster-dependencies msgpack-c msgpack)
muster_need(muster-dependencies libzstd)
muster_need(muster-dependencies zlib)
muster_need(muster-dependencies libxxhash)
muster_need(muster-dependencies libmaxminddb)
muster_need(muster-dependencies libpcre2-8)
muster_need(muster-dependencies yaml-0.1)
muster_need(muster-line-editor libedit)
muster_need(muster-http-client libcurl)
muster_need_newer(roaring roaring/roaring.h)
muster_need_newer(yyjson yyjson.h)
muster_need_newer(microhttpd microhttpd.h)
muster_need(muster-dependencies gnutls) # behind libmicrohttpd, which uses it
target_link_libraries(muster-dependencies INTERFACE Threads::Threads m)

# CRoaring older than 2 cannot validate a bitmap; engine/index asks.
include(CheckSymbolExists)
set(CMAKE_REQUIRED_INCLUDES ${roaring_INCLUDE})
set(CMAKE_REQUIRED_LIBRARIES ${roaring_LIBRARY})
check_symbol_exists(roaring_bitmap_internal_validate roaring/roaring.h
    MUSTER_CROARING_VALIDATES)
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_REQUIRED_LIBRARIES)
if(MUSTER_CROARING_VALIDATES)
    target_compile_definitions(muster-dependencies
        INTERFACE MUSTER_CROARING_VALIDATES)
endif()

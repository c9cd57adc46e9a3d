// The version of glstm. Nothing else names it: CMake and all packages read it here.
#pragma once

#define GLSTM_VERSION_MAJOR 0
#define GLSTM_VERSION_MINOR 1
#define GLSTM_VERSION_PATCH 0

#define GLSTM_DETAIL_TEXT(number) #number
#define GLSTM_DETAIL_VERSION(major, minor, patch) \
  GLSTM_DETAIL_TEXT(major) "." GLSTM_DETAIL_TEXT(minor) "." GLSTM_DETAIL_TEXT(patch)

namespace glstm {

/// The version as text, such as "1.2.3".
inline constexpr const char* version_string =
    GLSTM_DETAIL_VERSION(GLSTM_VERSION_MAJOR, GLSTM_VERSION_MINOR, GLSTM_VERSION_PATCH);

}  // namespace glstm

#undef GLSTM_DETAIL_TEXT
#undef GLSTM_DETAIL_VERSION

// The version of glstm. Nothing else names it: CMake and all packages read it here.
#pragma once

#define GLSTM_VERSION_MAJOR 0
#define GLSTM_VERSION_MINOR 1
#define GLSTM_VERSION_PATCH 0

/// The version as one number, for preprocessor conditions: 10000 major + 100 minor + patch.
#define GLSTM_VERSION \
  (GLSTM_VERSION_MAJOR * 10000 + GLSTM_VERSION_MINOR * 100 + GLSTM_VERSION_PATCH)

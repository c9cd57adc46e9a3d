// The part of glstm::compiled that computes in float.
#define GLSTM_DEFINE_COMPILED
#include "glstm/compiled.hpp"

GLSTM_BEGIN_NAMESPACE
GLSTM_COMPILED_SCALAR(template, float)
GLSTM_END_NAMESPACE

#define GLSTM_DEFINE_LAYERS
#include "layer_instantiations.hpp"

GLSTM_ALL_GATES(, float)

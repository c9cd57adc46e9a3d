// Whatever a header defines that is not inline is defined twice, here and in io.cpp.
#include <string>

#include "all_headers.hpp"

std::string version_elsewhere() { return glstm::version_string; }

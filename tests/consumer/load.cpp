// The other half of save.cpp.
#include <filesystem>

#include "all_headers.hpp"

glstm::Vector<float> parameters_in(const std::filesystem::path& path) {
  return glstm::load_network<glstm::GaussianGate<float>>(path).parameters;
}
